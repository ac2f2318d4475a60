// SPDX-License-Identifier: BSD-3-Clause
//
// RingAreas: the three areas of a virtqueue, mapped; the part that both layouts and both sides have
// in common. Any thread.
#pragma once

#include "vdev/virtio/chain.hpp"
#include "vdev/virtio/virtqueue.hpp"

namespace bellwire::virtio {

struct RingAreas {
  /// As DeviceVirtqueue::create().
  [[nodiscard]] static Result<RingAreas> map(const QueueLayout& layout,
                                             const DmaSpace& memory);

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

  Taken fail(RingFault fault, std::uint64_t value) noexcept {
    error = {fault, value};
    return Taken::broken;
  }
};

}  // namespace bellwire::virtio
