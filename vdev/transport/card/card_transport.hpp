// SPDX-License-Identifier: BSD-3-Clause
//
// CardTransport: a card that is served to QEMU, or to any client, by the vfio-user protocol.
#pragma once

#include "vdev/core/transport.hpp"
#include "vdev/transport/card/card.hpp"
#include "vdev/transport/vfio_user/server.hpp"

namespace bellwire::card {

class CardTransport final : public Transport {
 public:
  /// Serves `path` from now on. The context is the one that runs the device.
  [[nodiscard]] static Result<std::unique_ptr<CardTransport>> create(
      boost::asio::io_context& context, const std::string& path, const Options& options);

  /// Runs the context until a driver has turned the card on. ECANCELED: the context was stopped.
  [[nodiscard]] Result<Attachment> attach(RegisterBlock* registers) override;
  void on_detach(std::function<void()> detach) override { card_->on_detach(std::move(detach)); }

 private:
  CardTransport(boost::asio::io_context& context, std::unique_ptr<Card> card,
                vfio_user::Server server)
      : context_(context), card_(std::move(card)), server_(std::move(server)) {}

  boost::asio::io_context& context_;
  std::unique_ptr<Card> card_;
  vfio_user::Server server_;
};

}  // namespace bellwire::card
