// SPDX-License-Identifier: BSD-3-Clause
//
// RingWords: a front-end's virtqueue of either layout, for whoever does not care which one it is.
// split() and packed() are for those that do. One thread.
#pragma once

#include <variant>

#include "vdev/transport/vhost_user/client/packed_ring.hpp"
#include "vdev/transport/vhost_user/client/split_ring.hpp"

namespace bellwire::vhost_user {

class RingWords {
 public:
  /// `base` as SET_VRING_BASE has it for one index; 0: where a ring begins after a reset. ENOMEM.
  [[nodiscard]] static Result<RingWords> create(GuestMemory& memory, bool packed,
                                                std::uint16_t size, std::uint16_t base);

  [[nodiscard]] bool is_packed() const noexcept {
    return std::holds_alternative<PackedRing>(ring_);
  }
  [[nodiscard]] SplitRing& split() { return std::get<SplitRing>(ring_); }
  [[nodiscard]] const SplitRing& split() const { return std::get<SplitRing>(ring_); }
  [[nodiscard]] PackedRing& packed() { return std::get<PackedRing>(ring_); }
  [[nodiscard]] const PackedRing& packed() const { return std::get<PackedRing>(ring_); }

  /// Its three areas, by guest address.
  struct Areas {
    std::uint64_t descriptors, driver, device;
  };
  [[nodiscard]] Areas areas() const noexcept;
  [[nodiscard]] std::uint16_t size() const noexcept {
    return std::visit([](const auto& ring) { return ring.size(); }, ring_);
  }

  /// As a ring is after a reset.
  void begin_anew() noexcept;
  /// What SET_VRING_BASE says while nothing is under way, or after a connection was lost: the place
  /// of the next completion. Split: the device's own index. Packed: what was taken here.
  [[nodiscard]] std::uint32_t base() const noexcept;
  /// What GET_VRING_BASE answers once all that was offered has been completed.
  [[nodiscard]] std::uint32_t base_when_done() const noexcept;
  /// Whether it is that; of a packed ring, also in 16 bits, as before there were 32.
  [[nodiscard]] bool is_done(std::uint32_t base) const noexcept {
    const auto expected = base_when_done();
    return base == expected || (is_packed() && base == (expected & 0xFFFF));
  }
  /// Whether all that the device had taken when it answered GET_VRING_BASE so has come back.
  [[nodiscard]] bool all_returned(std::uint32_t base) const noexcept;

  /// As both layouts have it.
  [[nodiscard]] std::optional<std::uint16_t> describe(std::span<const Buffer> buffers) {
    return std::visit([buffers](auto& ring) { return ring.describe(buffers); }, ring_);
  }
  /// The whole request in a table.
  [[nodiscard]] std::optional<std::uint16_t> describe_indirect(std::span<const Buffer> buffers,
                                                               std::uint16_t flags = 0);
  void offer(std::uint16_t head) noexcept {
    std::visit([head](auto& ring) { ring.offer(head); }, ring_);
  }
  [[nodiscard]] std::uint16_t completed() const noexcept {
    return std::visit([](const auto& ring) { return ring.completed(); }, ring_);
  }
  [[nodiscard]] std::optional<vring_used_elem> take() {
    return std::visit([](auto& ring) { return ring.take(); }, ring_);
  }

  /// The first descriptor of a request, to be bent.
  struct Descriptor {
    __u64& addr;
    __u32& len;
    __u16& flags;
  };
  [[nodiscard]] Descriptor descriptor(std::uint16_t head);

  /// Whether the device is to call at all; without event indexes.
  void want_calls(bool wanted) noexcept;

 private:
  using Either = std::variant<SplitRing, PackedRing>;
  explicit RingWords(Either ring) noexcept : ring_(std::move(ring)) {}
  Either ring_;
};

}  // namespace bellwire::vhost_user
