// SPDX-License-Identifier: BSD-3-Clause
//
// Net: a virtio network card that is plugged into a port of a switch (switch.hpp). Ports of one
// switch, however each is served, are one Ethernet; all are on one thread, the backends'.
//
// Frames are copied once from the sender's memory, and checked and carried as they were then. The
// buffers that the driver gives for frames to come wait here, in its order, until there are some.
// With MRG_RXBUF a frame may take several, else one. There is no offload: a frame is sent and
// received whole, with its checksums. What bad input gets is listed in docs/semantics.md, 79 to 83.
//
// Source: virtio 1.2, section 5.1.
#pragma once

#include <boost/circular_buffer.hpp>
#include <memory>
#include <vector>

#include "vdev/devices/net/header.hpp"
#include "vdev/devices/net/switch.hpp"
#include "vdev/virtio/device.hpp"

namespace bellwire::net {

/// What has happened to what the driver gave, beside the port's counts.
struct CardCounts {
  std::uint64_t headless = 0;     ///< sent without room for a header
  std::uint64_t unfinished = 0;   ///< sent for an offload that was not offered
  std::uint64_t small_rooms = 0;  ///< buffers to receive with no room for a header
};

class Net final : public virtio::Device, private Port {
 public:
  static constexpr unsigned receive_queue = 0;
  static constexpr unsigned transmit_queue = 1;

  /// ENOSPC: the switch has no free port.
  [[nodiscard]] static Result<std::unique_ptr<Net>> create(std::shared_ptr<Switch> net,
                                                           const MacAddress& address);
  ~Net() override;

  [[nodiscard]] virtio::Traits traits() const noexcept override;
  void read_config(std::size_t offset, std::span<std::byte> into) noexcept override;
  [[nodiscard]] Result<void> start(virtio::Session session) override;
  void handle(virtio::Request request) noexcept override;
  void cancel(unsigned queue) noexcept override;
  [[nodiscard]] bool discards_when_disabled(unsigned queue) const noexcept override {
    return queue == transmit_queue;
  }
  void set_enabled(unsigned queue, bool enabled) noexcept override;
  /// Logs the counts.
  void refresh() override;
  void stop() noexcept override;

  [[nodiscard]] const PortCounts& port_counts() const noexcept { return seat_->counts(); }
  [[nodiscard]] const CardCounts& card_counts() const noexcept { return counts_; }

 private:
  Net(std::shared_ptr<Switch> net, const MacAddress& address);
  void keep(virtio::Request request) noexcept;
  void transmit(const virtio::Request& request) noexcept;
  [[nodiscard]] bool deliver(std::span<const std::byte> frame) noexcept override;
  [[nodiscard]] std::size_t rooms_for(std::uint64_t bytes) const noexcept;
  void fill(std::size_t rooms, std::span<const std::byte> frame) noexcept;

  const std::shared_ptr<Switch> switch_;
  std::optional<Switch::Seat> seat_;  // always, once created
  virtio_net_config config_{};
  std::size_t header_bytes_ = sizeof(Header);
  bool mergeable_ = false;
  bool receives_ = true;                           // the queue for that is not disabled
  boost::circular_buffer<virtio::Request> rooms_;  // for frames to come, in the driver's order
  std::vector<std::byte> frame_;                   // that is being sent
  CardCounts counts_;
};

}  // namespace bellwire::net
