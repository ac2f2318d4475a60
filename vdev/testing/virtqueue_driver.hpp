// SPDX-License-Identifier: BSD-3-Clause
//
// VirtqueueGuest: a guest's memory with virtqueues in it, and the drivers of a request device on
// them (guest-kmod/uapi/bellwire_virtio.h), whatever carries the queues to the device. One thread,
// the guest's.
#pragma once

#include <functional>
#include <vector>

#include "vdev/core/dma_space.hpp"
#include "vdev/testing/rig.hpp"
#include "vdev/virtio/driver_virtqueue.hpp"

namespace bellwire::testing {

/// Where a queue is in the guest's memory.
struct VirtqueuePlace {
  virtio::QueueLayout layout;
  std::uint64_t payload;  ///< guest address of `payload_size` bytes
};

class VirtqueueGuest {
 public:
  static constexpr std::uint16_t entries = 128;  ///< of a queue
  static constexpr std::uint64_t request_room = 512;
  static constexpr std::uint64_t payload_size = 2 * request_room * most_in_flight;

  /// `memory` is the guest's from `address` on.
  VirtqueueGuest(MemoryView memory, std::uint64_t address, std::vector<VirtqueuePlace> places);

  /// All queues begin anew, with nothing in them. The device does not serve them.
  void begin();

  /// `wait_until_broken` returns once the device has reported that a queue is broken.
  [[nodiscard]] std::unique_ptr<RequestDriver> driver(unsigned queue, Rig& rig,
                                                      std::function<void()> wait_until_broken);

  [[nodiscard]] const virtio::QueueLayout& layout(unsigned queue) const noexcept {
    return places_[queue].layout;
  }

 private:
  class Driver;
  template <class T>
  [[nodiscard]] T* at(std::uint64_t address) const {
    return reinterpret_cast<T*>(space_.bytes(address, sizeof(T)).data());
  }

  DmaSpace space_;
  std::vector<VirtqueuePlace> places_;
  std::vector<virtio::DriverVirtqueue> queues_;
};

}  // namespace bellwire::testing
