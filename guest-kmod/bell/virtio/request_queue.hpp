// SPDX-License-Identifier: BSD-3-Clause
//
// RequestQueue: queue 0 of a virtio device that answers requests (uapi/bellwire_virtio.h), in a
// huge page: makes requests, and takes what comes back. One thread.
#pragma once

#include <optional>
#include <vector>

#include "guest-kmod/bell/virtio/virtio_device.hpp"
#include "guest-kmod/uapi/bellwire_virtio.h"
#include "vdev/virtio/driver_virtqueue.hpp"

namespace bell {

class RequestQueue {
 public:
  static constexpr unsigned most_in_flight = 16;
  static constexpr std::uint32_t reply_size = sizeof(bellwire_virtio_reply);

  /// Resets the device and brings it up, with a packed ring or a split one. Both must outlive the
  /// queue. EPROTO: the device does not agree, or its queue is too small.
  [[nodiscard]] static Result<RequestQueue> start(const VirtioDevice& device,
                                                  const DmaMemory& memory, bool packed);

  /// Makes request `number`, split into buffers in a way that depends on the number. At most
  /// `most_in_flight`, of numbers that follow each other.
  void submit(std::uint32_t number, std::uint32_t flags = 0);
  /// A chain of so many readable and writable bytes, which is no request.
  void submit_nonsense(std::uint32_t readable, std::uint32_t writable);
  void kick();
  void ask_for_interrupt() { (void)queue_.enable_calls(); }

  struct Answer {
    std::uint32_t number = 0;
    std::uint32_t written = 0;  ///< bytes, as the ring says
    bellwire_virtio_reply reply{};
    std::vector<std::byte> output;
  };
  /// Waits for the next one. Empty: none came in time, or the device broke the queue.
  [[nodiscard]] std::optional<Answer> wait();

  /// What request `number` sends.
  [[nodiscard]] static std::vector<std::byte> input(std::uint32_t number);

 private:
  RequestQueue(const VirtioDevice& device, const DmaMemory& memory, std::uint64_t address,
               bellwire::virtio::DriverVirtqueue queue, std::uint64_t doorbell) noexcept
      : device_(&device),
        memory_(&memory),
        address_(address),
        queue_(std::move(queue)),
        doorbell_(doorbell) {}
  void add(std::uint32_t number, std::span<const bellwire::virtio::GuestBuffer> readable,
           std::span<const bellwire::virtio::GuestBuffer> writable);

  const VirtioDevice* device_;
  const DmaMemory* memory_;
  std::uint64_t address_;  // physical, of the memory
  bellwire::virtio::DriverVirtqueue queue_;
  std::uint64_t doorbell_;
};

}  // namespace bell
