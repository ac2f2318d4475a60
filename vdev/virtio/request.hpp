// SPDX-License-Identifier: BSD-3-Clause
//
// Request: one request of a driver, in the hands of a device until it completes it: now or later,
// in any order, from any thread. Each is completed exactly once; one that is dropped instead is
// returned to the driver with 0 bytes written.
//
// The buffers are the guest's memory, as it is, and may change at any moment: copy once, check, use
// the copy. How a driver splits its bytes into buffers means nothing (virtio 1.2, section 2.7.4);
// buffers.hpp reads and writes across them. They may be used until the request is completed, not
// afterwards, however long that takes: the backend makes the guest's memory wait (device.hpp).
//
// A Request is used by one thread at a time; requests are independent of each other. Completing
// allocates nothing, and never blocks.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "vdev/virtio/chain.hpp"

namespace bellwire::virtio {

class Completions;

/// Where a queue keeps a request while it is in flight. For Backend; authors use Request.
struct RequestSlot {
  ChainStorage storage;
  Completions* completions = nullptr;
  std::uint16_t queue = 0;
  std::uint16_t index = 0;    // of the slot, among those of its queue
  std::uint32_t written = 0;  // once it is completed
  std::uint32_t number = 0;   // among those that were taken, by which others watch it
  RequestSlot* next = nullptr;
};

class Request {
 public:
  explicit Request(RequestSlot& slot) noexcept : slot_(&slot) {}
  Request(Request&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
  Request& operator=(Request&& other) noexcept {
    if (this != &other) {
      finish(0);
      slot_ = std::exchange(other.slot_, nullptr);
    }
    return *this;
  }
  ~Request() { finish(0); }

  /// What the device reads …
  [[nodiscard]] std::span<const std::span<const std::byte>> readable() const noexcept {
    return slot_->storage.chain().readable;
  }
  /// … and what it writes, from the beginning on.
  [[nodiscard]] std::span<const std::span<std::byte>> writable() const noexcept {
    return slot_->storage.chain().writable;
  }
  /// Bytes in all of them.
  [[nodiscard]] std::uint64_t readable_size() const noexcept {
    return slot_->storage.chain().readable_size;
  }
  [[nodiscard]] std::uint64_t writable_size() const noexcept {
    return slot_->storage.chain().writable_size;
  }

  [[nodiscard]] unsigned queue() const noexcept { return slot_->queue; }
  /// No other request of the queue that is in flight has this number, which is below the queue's
  /// size: for what a device keeps for each request.
  [[nodiscard]] std::uint16_t slot() const noexcept { return slot_->index; }

  /// `written`: how many bytes at the beginning of the writable buffers the device has written; a
  /// driver may rely on these alone. Any thread.
  void complete(std::uint32_t written = 0) && noexcept { finish(written); }

  /// For an interface that carries a pointer and nothing else, such as io_uring's: the request
  /// lives on in it, and must come back by adopt().
  [[nodiscard]] void* release() && noexcept { return std::exchange(slot_, nullptr); }
  [[nodiscard]] static Request adopt(void* released) noexcept {
    return Request(*static_cast<RequestSlot*>(released));
  }

 private:
  void finish(std::uint32_t written) noexcept;
  RequestSlot* slot_;
};

}  // namespace bellwire::virtio
