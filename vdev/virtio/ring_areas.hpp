// SPDX-License-Identifier: BSD-3-Clause
//
// RingAreas: the three areas of a virtqueue, mapped; the part that both layouts and both sides have
// in common. Any thread.
#pragma once

#include <algorithm>

#include "vdev/virtio/chain.hpp"
#include "vdev/virtio/virtqueue.hpp"

namespace bellwire::virtio {

struct RingAreas {
  /// As DeviceVirtqueue::create().
  [[nodiscard]] static Result<RingAreas> map(const QueueLayout& layout, const DmaSpace& memory);

  MemoryView descriptors, driver_area, device_area;
};

/// What DeviceVirtqueue::pop() did.
enum class Taken : std::uint8_t {
  chain,      ///< took one
  malformed,  ///< returned one to the driver, with length 0
  nothing,    ///< there was none
  broken,     ///< the queue is broken
};

/// What both layouts of the device's side keep.
struct DeviceRingState {
  std::uint16_t in_flight = 0;  // chains
  RingError error = {};
  ChainError last_malformed = {};
  std::uint64_t malformed = 0;

  Taken refuse(const ChainError& why) noexcept {
    last_malformed = why;
    ++malformed;
    return Taken::malformed;
  }
};

/// The length that the driver gets: never more than the chain's writable buffers have.
[[nodiscard]] inline std::uint32_t written_of(const Chain& chain, std::uint32_t written) noexcept {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(written, chain.writable_size));
}

/// Entries of the queue that are taken and not returned at this position. Packed: up to twice the
/// size, if the position is impossible.
[[nodiscard]] inline std::uint32_t entries_between(const QueueLayout& layout,
                                                   const QueuePosition& at) noexcept {
  if (!layout.packed) return static_cast<std::uint16_t>(at.next_available - at.next_used);
  const std::uint32_t size = layout.size;
  const auto wrapped = at.available_wrap != at.used_wrap ? size : 0;
  return (at.next_available + wrapped + 2 * size - at.next_used) % (2 * size);
}

}  // namespace bellwire::virtio
