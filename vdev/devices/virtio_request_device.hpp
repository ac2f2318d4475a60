// SPDX-License-Identifier: BSD-3-Clause
//
// VirtioRequestDevice: a ring device as a virtio device, so that a device which answers requests is
// written once and runs on virtqueues, too. It takes each request out of its chain, has the device
// serve it, or complete it later, and puts the reply in front of the output. The format is that of
// guest-kmod/uapi/bellwire_virtio.h.
//
// The device gets its input and its output in one piece each. Where the driver's buffers are in one
// piece, these are the guest's memory itself; where they are not, the bytes are copied to and from
// a buffer of this process. A request's slot keeps that buffer for the next one, so requests of the
// usual size allocate nothing. All buffers together have at most 64 MiB; a request for which there
// is no room is answered with BELLWIRE_FAILED.
//
// Threads: as virtio::Device; requests may be completed from any. The guest may change its memory
// at any time, and may have its buffers overlap.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "guest-kmod/uapi/bellwire_virtio.h"
#include "vdev/devices/request_device.hpp"
#include "vdev/virtio/device.hpp"

namespace bellwire {

class VirtioRequestDevice final : public virtio::Device, private ring::PendingOwner {
 public:
  /// `queues`: 1 to BELLWIRE_MAX_QUEUES.
  explicit VirtioRequestDevice(std::unique_ptr<RingDevice> device, unsigned queues = 1);

  [[nodiscard]] virtio::Traits traits() const noexcept override;
  void read_config(std::size_t offset, std::span<std::byte> into) noexcept override;
  void handle(virtio::Request request) noexcept override;
  void cancel(unsigned queue) noexcept override;
  void stop() noexcept override;

 private:
  // Bytes of this process, for a request whose buffers are in several pieces.
  struct Copy {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
  };
  // What a request in flight needs beside its chain.
  struct Slot : ring::PendingSlot {
    void* chain = nullptr;  // the virtio::Request
    Copy input_copy, output_copy;
    bool output_copied = false;
  };

  [[nodiscard]] Slot& slot_of(const virtio::Request& request);
  [[nodiscard]] bellwire_completion_status prepare(const bellwire_virtio_request& header,
                                                   const virtio::Request& request,
                                                   Slot& slot) noexcept;
  void completed(ring::PendingSlot& slot) noexcept override;
  [[nodiscard]] bool gather(const virtio::Request& request, Slot& slot) noexcept;
  [[nodiscard]] std::span<std::byte> room(Copy& copy, std::size_t size) noexcept;
  void give_up(Copy& copy) noexcept;
  void finish(Slot& slot, const ring::Reply& reply) noexcept;

  const std::unique_ptr<RingDevice> device_;
  ring::RequestHandler* const at_once_;     // the device, if it answers at once
  ring::AsyncRequestHandler* const later_;  // likewise, if it completes requests later
  const unsigned queues_;
  std::vector<std::vector<std::unique_ptr<Slot>>> slots_;  // by queue and slot; made when used
  std::atomic<std::size_t> copied_ = 0;                    // bytes in all copies
};

}  // namespace bellwire
