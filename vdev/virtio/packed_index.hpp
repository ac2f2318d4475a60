// SPDX-License-Identifier: BSD-3-Clause
//
// Places in a packed virtqueue: an index with its wrap counter (virtio 1.2, section 2.8.1), the
// flags that make the descriptor there available or used, and the events that a side asks for
// (section 2.8.10). Any thread.
#pragma once

#include <cstdint>
#include <cstring>

#include "vdev/ring/words.hpp"
#include "vdev/virtio/ring_words.hpp"

namespace bellwire::virtio {

constexpr std::uint16_t packed_available = 1 << VRING_PACKED_DESC_F_AVAIL;
constexpr std::uint16_t packed_used = 1 << VRING_PACKED_DESC_F_USED;

/// One word, since a whole that is read right after its parts were written has to wait for them.
class PackedIndex {
 public:
  PackedIndex() = default;
  constexpr PackedIndex(std::uint16_t index, bool wrap) noexcept
      : place_(static_cast<std::uint16_t>(index | (wrap ? wrap_bit : 0))) {}

  /// Below the queue's size, which is at most 32768.
  [[nodiscard]] std::uint16_t index() const noexcept {
    return static_cast<std::uint16_t>(place_ & ~wrap_bit);
  }
  [[nodiscard]] bool wrap() const noexcept { return (place_ & wrap_bit) != 0; }
  /// As an event suppression structure has it.
  [[nodiscard]] std::uint16_t place() const noexcept { return place_; }
  [[nodiscard]] static PackedIndex at(std::uint16_t place) noexcept {
    PackedIndex index;
    index.place_ = place;
    return index;
  }

  /// `count` is at most `size`.
  void advance(std::uint32_t count, std::uint16_t size) noexcept {
    const auto next = index() + count;
    const auto wrap_now = static_cast<unsigned>(place_ & wrap_bit);
    place_ = static_cast<std::uint16_t>(next < size ? next | wrap_now
                                                    : (next - size) | (wrap_now ^ wrap_bit));
  }

  /// What a driver writes to make the descriptor here available …
  [[nodiscard]] std::uint16_t available_flags() const noexcept {
    return wrap() ? packed_available : packed_used;
  }
  /// … and a device to return it.
  [[nodiscard]] std::uint16_t used_flags() const noexcept {
    return wrap() ? packed_available | packed_used : 0;
  }
  [[nodiscard]] bool is_available(std::uint16_t flags) const noexcept {
    return (flags & (packed_available | packed_used)) == available_flags();
  }
  [[nodiscard]] bool is_used(std::uint16_t flags) const noexcept {
    return (flags & (packed_available | packed_used)) == used_flags();
  }

  friend bool operator==(const PackedIndex&, const PackedIndex&) noexcept = default;

 private:
  static constexpr unsigned wrap_bit = 1U << VRING_PACKED_EVENT_F_WRAP_CTR;
  std::uint16_t place_ = wrap_bit;
};

/// The second half of a descriptor: read and written as one word, so that a side never sees a part.
class PackedWord {
 public:
  PackedWord() = default;
  PackedWord(std::uint32_t size, std::uint16_t id, unsigned flags) noexcept
      : bits_(size | std::uint64_t{id} << 32 | std::uint64_t{flags} << 48) {}

  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(bits_); }
  [[nodiscard]] std::uint16_t id() const noexcept {
    return static_cast<std::uint16_t>(bits_ >> 32);
  }
  [[nodiscard]] std::uint16_t flags() const noexcept {
    return static_cast<std::uint16_t>(bits_ >> 48);
  }
  [[nodiscard]] bool has(unsigned flag) const noexcept { return (flags() & flag) != 0; }

  [[nodiscard]] static PackedWord load(const vring_packed_desc& descriptor,
                                       std::memory_order order) noexcept {
    PackedWord word;
    word.bits_ = ring::load(reinterpret_cast<const std::uint64_t*>(&descriptor)[1], order);
    return word;
  }
  void store(vring_packed_desc& descriptor, std::memory_order order) const noexcept {
    ring::store(reinterpret_cast<std::uint64_t*>(&descriptor)[1], bits_, order);
  }

 private:
  std::uint64_t bits_ = 0;
};

/// An event suppression structure, read and written as one word.
struct PackedEvent {
  std::uint16_t place = 0;  ///< an index, and its wrap counter in bit 15
  std::uint16_t flags = VRING_PACKED_EVENT_FLAG_ENABLE;

  static PackedEvent at(PackedIndex index) noexcept {
    return {index.place(), VRING_PACKED_EVENT_FLAG_DESC};
  }
  [[nodiscard]] static PackedEvent load(const vring_packed_desc_event& from) noexcept {
    return std::bit_cast<PackedEvent>(
        ring::load(reinterpret_cast<const std::uint32_t&>(from), ring::in_order));
  }
  void store(vring_packed_desc_event& to) const noexcept {
    ring::store(reinterpret_cast<std::uint32_t&>(to), std::bit_cast<std::uint32_t>(*this),
                ring::in_order);
  }

  /// Whether it asks for a notification once the other side has got to `now`, after `count`
  /// descriptors.
  [[nodiscard]] bool reached(PackedIndex now, std::uint32_t count, bool event_index,
                             std::uint16_t size) const noexcept;
};

inline bool PackedEvent::reached(PackedIndex now, std::uint32_t count, bool event_index,
                                 std::uint16_t size) const noexcept {
  constexpr std::uint16_t flag_bits = 3;
  if (count == 0 || (flags & flag_bits) == VRING_PACKED_EVENT_FLAG_DISABLE) return false;
  if (!event_index || (flags & flag_bits) != VRING_PACKED_EVENT_FLAG_DESC || count >= size)
    return true;
  const auto asked = PackedIndex::at(place);
  const auto event =
      static_cast<std::uint16_t>(asked.wrap() == now.wrap() ? asked.index() : asked.index() - size);
  return vring_need_event(event, now.index(), static_cast<std::uint16_t>(now.index() - count));
}

}  // namespace bellwire::virtio
