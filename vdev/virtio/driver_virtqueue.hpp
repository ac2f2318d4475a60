// SPDX-License-Identifier: BSD-3-Clause
//
// DriverVirtqueue: the driver's side of a virtqueue. It makes chains available, takes used ones,
// and says when to kick and when sleeping is safe. For tests, benchmarks and a front-end of our
// own; a guest's kernel has its own.
//
// The device is not trusted: its indexes, IDs and lengths are checked, and whatever can't be right
// breaks the queue.
//
// One thread at a time. Only create() allocates. Source: virtio 1.2, sections 2.7.13, 2.7.14,
// 2.8.21 and 2.8.22.
#pragma once

#include <optional>
#include <span>
#include <variant>

#include "vdev/virtio/packed_driver_ring.hpp"
#include "vdev/virtio/split_driver_ring.hpp"
#include "vdev/virtio/virtqueue.hpp"

namespace bellwire::virtio {

class DriverVirtqueue {
 public:
  /// As DeviceVirtqueue::create(). Makes the areas those of a queue that has got to `position`,
  /// with nothing in flight (EINVAL otherwise). Asks for calls.
  ///
  /// `tables`: memory for indirect tables; none, or not negotiated: the descriptors of all chains
  /// are in the ring. EFAULT: it is not within one mapped region.
  [[nodiscard]] static Result<DriverVirtqueue> create(const QueueLayout& layout,
                                                      const QueuePosition& position,
                                                      const DmaSpace& memory,
                                                      const IndirectTables& tables = {});

  /// Adds a chain, which the device sees after publish(). It is put into an indirect table if
  /// there are tables, and it has at least two buffers. `token` comes back with it. False: there is
  /// no room now; or there never is, since the chain has no buffer or more than the queue's size.
  [[nodiscard]] bool add(std::span<const GuestBuffer> readable,
                         std::span<const GuestBuffer> writable, std::uint64_t token) noexcept {
    return std::visit([&](auto& ring) { return ring.add(readable, writable, token); }, ring_);
  }

  /// Shows the device all that was added.
  void publish() noexcept {
    std::visit([](auto& ring) { ring.publish(); }, ring_);
  }

  /// Whether the device wants a kick for what was published since this was last asked.
  [[nodiscard]] bool should_kick() noexcept {
    return std::visit([](auto& ring) { return ring.should_kick(); }, ring_);
  }

  /// The next chain that the device has returned. Empty: there is none, or the queue is broken.
  [[nodiscard]] std::optional<UsedChain> poll_used() noexcept {
    return std::visit([](auto& ring) { return ring.poll_used(); }, ring_);
  }

  /// Asks for a call when the next chain is returned. True: sleep safely; a call will come. False:
  /// there is one already.
  [[nodiscard]] bool enable_calls() noexcept {
    return std::visit([](auto& ring) { return ring.enable_calls(); }, ring_);
  }
  void disable_calls() noexcept {
    std::visit([](auto& ring) { ring.disable_calls(); }, ring_);
  }

  /// Descriptors of the ring that are free. A chain takes one per buffer, or one in all if it is
  /// put into a table.
  [[nodiscard]] std::uint16_t space() const noexcept { return state().free; }
  /// Chains that were added and have not come back.
  [[nodiscard]] std::uint16_t in_flight() const noexcept { return state().in_flight; }
  [[nodiscard]] bool broken() const noexcept { return state().error.fault != RingFault::none; }
  [[nodiscard]] const RingError& error() const noexcept { return state().error; }
  /// Where the device would continue if everything published had been taken, and all that was
  /// taken here was all that it had returned.
  [[nodiscard]] QueuePosition position() const noexcept {
    return std::visit([](const auto& ring) { return ring.position(); }, ring_);
  }

 private:
  using Ring = std::variant<SplitDriverRing, PackedDriverRing>;
  explicit DriverVirtqueue(Ring ring) noexcept : ring_(std::move(ring)) {}
  [[nodiscard]] const DriverRingState& state() const noexcept {
    return std::visit([](const auto& ring) -> const DriverRingState& { return ring.state(); },
                      ring_);
  }
  Ring ring_;
};

}  // namespace bellwire::virtio
