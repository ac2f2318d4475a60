// SPDX-License-Identifier: BSD-3-Clause
//
// DeviceVirtqueue: the device's side of a virtqueue. It takes chains, returns them in any order,
// and says when to interrupt the driver and when sleeping is safe. The driver is not trusted:
//
// - Whatever it wrote is copied once and checked, and only the copy is used.
// - A malformed chain is returned to it with length 0, counted, and the queue goes on.
// - Words of the ring that can't be right break this queue alone, until it is created anew: nothing
//   more is taken. What is in flight can still be returned.
//
// The views of the ring's areas stay valid while this lives. The spans of a chain are valid until
// the region of memory is revoked (DmaSpace::on_revoke): whoever holds chains, or the queue, lets
// go then. A queue continues in other memory when it is created anew with the position() of the
// old one.
//
// One thread at a time. No call blocks, loops without a bound or allocates, except as ChainStorage
// says. Source: virtio 1.2, sections 2.7.6 to 2.7.14 and 2.8.10 to 2.8.22.
#pragma once

#include <variant>

#include "vdev/virtio/chain.hpp"
#include "vdev/virtio/packed_device_ring.hpp"
#include "vdev/virtio/split_device_ring.hpp"
#include "vdev/virtio/virtqueue.hpp"

namespace bellwire::virtio {

class DeviceVirtqueue {
 public:
  /// EINVAL: the layout or the position is impossible. EFAULT: an area is not within one mapped
  /// region that can be read and written. The messages name the area and its address. `memory`
  /// must outlive the queue.
  ///
  /// Asks for kicks. Chains that are available already can be taken at once.
  [[nodiscard]] static Result<DeviceVirtqueue> create(const QueueLayout& layout,
                                                      const QueuePosition& position,
                                                      const DmaSpace& memory);

  /// Takes the next chain that the driver has made available into `storage`, which holds it until
  /// it is used again.
  ///
  /// malformed: the next one was not usable and has been pushed with length 0: publish() as usual,
  /// and call again. It counts toward a turn's bound as a request does.
  [[nodiscard]] Taken pop(ChainStorage& storage) noexcept {
    return std::visit([&](auto& ring) { return ring.pop(storage); }, ring_);
  }

  /// Takes a chain again that an earlier process had taken and not returned; the position is behind
  /// it. malformed, broken: as pop(). Split: by the index of its first descriptor; `nothing` of a
  /// packed queue.
  [[nodiscard]] Taken retake(std::uint16_t head, ChainStorage& storage) noexcept {
    auto* const split = std::get_if<SplitDeviceRing>(&ring_);
    return split != nullptr ? split->take(head, storage) : Taken::nothing;
  }
  /// Packed, where the driver may have overwritten its descriptors: by a copy of them.
  [[nodiscard]] Taken retake(std::span<const vring_packed_desc> list,
                             ChainStorage& storage) noexcept {
    auto* const packed = std::get_if<PackedDeviceRing>(&ring_);
    return packed != nullptr ? packed->take(list, storage) : Taken::nothing;
  }

  /// Returns a chain that pop() took, in any order. `written`: bytes at the beginning of its
  /// writable buffers that have been written; never more than they have. Each exactly once. The
  /// driver sees it after publish().
  void push(const Chain& chain, std::uint32_t written) noexcept {
    std::visit([&](auto& ring) { ring.push(chain, written); }, ring_);
  }

  /// Returns a chain that was pushed once more, which no device may do: for faults on purpose.
  void push_again(const Chain& chain, std::uint32_t written) noexcept {
    std::visit([&](auto& ring) { ring.push_again(chain, written); }, ring_);
  }

  /// Shows the driver all that was pushed.
  void publish() noexcept {
    std::visit([](auto& ring) { ring.publish(); }, ring_);
  }

  /// Whether the driver wants a call for what was published since this was last asked: by its event
  /// index, if negotiated, else by its flags. Ask soon after publish(): what is asked at once or
  /// for several publications gives the same answer, as long as they are fewer than 2^15 chains.
  [[nodiscard]] bool should_call() noexcept {
    return std::visit([](auto& ring) { return ring.should_call(); }, ring_);
  }

  /// Asks the driver to kick when it makes the next chain available. True: sleep safely; a kick
  /// will come. False: chains are there already (or the queue's words just turned out broken).
  [[nodiscard]] bool enable_kicks() noexcept {
    return std::visit([](auto& ring) { return ring.enable_kicks(); }, ring_);
  }

  /// Tells the driver that its kicks are not needed. It may kick all the same.
  void disable_kicks() noexcept {
    std::visit([](auto& ring) { ring.disable_kicks(); }, ring_);
  }

  /// Where to continue. What is in flight must be returned and published first, or be known by
  /// other means.
  [[nodiscard]] QueuePosition position() const noexcept {
    return std::visit([](const auto& ring) { return ring.position(); }, ring_);
  }

  /// Chains that were popped and not pushed yet. Never more than the queue's size.
  [[nodiscard]] std::uint16_t in_flight() const noexcept { return state().in_flight; }
  [[nodiscard]] bool broken() const noexcept { return state().error.fault != RingFault::none; }
  /// Why it is broken.
  [[nodiscard]] const RingError& error() const noexcept { return state().error; }
  /// How many chains were malformed, and what was wrong with the last one.
  [[nodiscard]] std::uint64_t malformed() const noexcept { return state().malformed; }
  [[nodiscard]] const ChainError& last_malformed() const noexcept { return state().last_malformed; }

 private:
  using Ring = std::variant<SplitDeviceRing, PackedDeviceRing>;
  explicit DeviceVirtqueue(Ring ring) noexcept : ring_(std::move(ring)) {}
  [[nodiscard]] const DeviceRingState& state() const noexcept {
    return std::visit([](const auto& ring) -> const DeviceRingState& { return ring.state(); },
                      ring_);
  }
  Ring ring_;
};

}  // namespace bellwire::virtio
