// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/card/card_transport.hpp"

namespace bellwire::card {

Result<std::unique_ptr<CardTransport>> CardTransport::create(boost::asio::io_context& context,
                                                             const std::string& path,
                                                             const Options& options) {
  auto card = Card::create(context, options);
  if (!card) return card.error();
  auto server = vfio_user::Server::create(context, **card, {.path = path});
  if (!server) return server.error();
  return std::unique_ptr<CardTransport>(new CardTransport(std::move(*card), std::move(*server)));
}

Result<Attachment> CardTransport::attach(RegisterBlock* registers) {
  card_->use(registers);
  return card_->attach();
}

Result<Registration> CardTransport::serve(RegisterBlock* registers, Runs runs) {
  card_->use(registers);
  return card_->serve(std::move(runs));
}

}  // namespace bellwire::card
