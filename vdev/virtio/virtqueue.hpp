// SPDX-License-Identifier: BSD-3-Clause
//
// Virtqueues, split and packed: where one lies in the guest's memory, and how far it has got.
// device_virtqueue.hpp is the device's side, driver_virtqueue.hpp the driver's.
//
// Source: virtio 1.2, sections 2.6 (virtqueues), 2.7 (split) and 2.8 (packed). The constants are
// those of <linux/virtio_ring.h>.
#pragma once

#include <cstdint>

#include "vdev/core/dma_space.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::virtio {

/// The most entries that a queue may have, split or packed.
constexpr std::uint16_t most_entries = 32768;

/// What the driver has agreed to. All addresses are guest addresses.
struct QueueLayout {
  std::uint16_t size = 0;         ///< split: a power of two up to 32768; packed: 1 to 32768
  bool packed = false;            ///< VIRTIO_F_RING_PACKED
  bool event_index = false;       ///< VIRTIO_F_EVENT_IDX
  bool indirect = false;          ///< VIRTIO_F_INDIRECT_DESC
  std::uint64_t descriptors = 0;  ///< 16 bytes per entry, aligned to 16
  std::uint64_t driver_area = 0;  ///< split: the available ring, aligned to 2; packed: 4 bytes
  std::uint64_t device_area = 0;  ///< split: the used ring, aligned to 4; packed: 4 bytes
  friend bool operator==(const QueueLayout&, const QueueLayout&) noexcept = default;
};

/// How far a queue has got: where the device's side continues. Split: both indexes count up and
/// wrap at 2^16; the wrap counters have no meaning. Packed: both are below the queue's size.
struct QueuePosition {
  std::uint16_t next_available = 0;  ///< the next chain that the device takes
  std::uint16_t next_used = 0;       ///< where it returns the next one
  bool available_wrap = true;        ///< packed: the wrap counters
  bool used_wrap = true;
  friend bool operator==(const QueuePosition&, const QueuePosition&) noexcept = default;
};

/// How many bytes each of the three areas has.
struct AreaSizes {
  std::uint64_t descriptors, driver_area, device_area;
};
[[nodiscard]] AreaSizes area_sizes(const QueueLayout& layout) noexcept;

/// Whether the layout and the position within it are possible; says nothing of memory. EINVAL, with
/// a message that names the field and the value.
[[nodiscard]] Result<void> check(const QueueLayout& layout, const QueuePosition& position = {});

/// The used index that a split queue's memory has: where a device continues whose own count was
/// lost, if nothing was in flight. EINVAL: packed, which has none. EFAULT: outside of memory.
[[nodiscard]] Result<std::uint16_t> stored_used_index(const QueueLayout& layout,
                                                      const DmaSpace& memory);

/// What is wrong with a ring's own words: no driver that keeps the rules can have written them.
enum class RingFault : std::uint8_t {
  none,
  available_index,  ///< value: the index, further ahead than the queue has free entries
  head,             ///< split; value: the first descriptor's index, not below the queue's size
  endless_list,     ///< packed; value: descriptors in the list, more than the queue has free
  used_index,       ///< driver's side, split; value: the index, further ahead than is in flight
  used_id,          ///< driver's side; value: the ID, of which nothing is in flight
  used_length,      ///< driver's side; value: bytes, more than the chain has writable
};

struct RingError {
  RingFault fault = RingFault::none;
  std::uint64_t value = 0;
};

/// EPROTO, with a message that names what is wrong and the value; no value for `none`.
[[nodiscard]] Error describe(const RingError& error);

}  // namespace bellwire::virtio
