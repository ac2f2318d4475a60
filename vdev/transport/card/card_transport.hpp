// SPDX-License-Identifier: BSD-3-Clause
//
// CardTransport: a card that is served to QEMU, or to any client, by the vfio-user protocol.
#pragma once

#include "vdev/core/transport.hpp"
#include "vdev/transport/card/card.hpp"
#include "vdev/transport/vfio_user/server/server.hpp"

namespace bellwire::card {

class CardTransport final : public Transport {
 public:
  /// Serves `path` from now on. The context is the one that runs the device.
  [[nodiscard]] static Result<std::unique_ptr<CardTransport>> create(
      boost::asio::io_context& context, const std::string& path, const Options& options);

  [[nodiscard]] Result<Attachment> attach(RegisterBlock* registers) override;
  [[nodiscard]] Result<Registration> serve(RegisterBlock* registers, Runs runs) override;

 private:
  CardTransport(std::unique_ptr<Card> card, vfio_user::Server server)
      : card_(std::move(card)), server_(std::move(server)) {}

  std::unique_ptr<Card> card_;
  vfio_user::Server server_;
};

}  // namespace bellwire::card
