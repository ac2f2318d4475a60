// SPDX-License-Identifier: BSD-3-Clause
//
// What the author of a ring device sees of a request: Request and Reply; a RequestHandler, which
// answers each request at once; and an AsyncRequestHandler, which completes each when it likes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "guest-kmod/uapi/bellwire.h"

namespace bellwire::ring {

/// A request whose ranges have been checked. A hostile driver may change `input` while it is read,
/// and may write to `output`.
struct Request {
  std::uint64_t cookie;
  std::uint32_t operation;
  std::span<const std::byte> input;
  std::span<std::byte> output;
};

struct Reply {
  bellwire_completion_status status = BELLWIRE_DONE;
  std::uint32_t length = 0;  ///< bytes of output written
  std::uint64_t result = 0;
};

/// Serves requests, each before it returns. May be called again for one that an earlier incarnation
/// had served but not completed.
class RequestHandler {
 public:
  virtual Reply serve(const Request& request) noexcept = 0;

 protected:
  ~RequestHandler() = default;
};

struct PendingSlot;

/// Whoever gave a request away: hears that it was completed.
class PendingOwner {
 public:
  /// `reply` and `dropped` are set. Any thread; must neither block nor allocate.
  virtual void completed(PendingSlot& slot) noexcept = 0;

 protected:
  ~PendingOwner() = default;
};

/// Where the owner keeps a request while it is in flight. Authors use PendingRequest.
struct PendingSlot {
  Request request{};
  Reply reply{};
  bool dropped = false;     // not completed by the device: `reply` is ours
  std::uint16_t queue = 0;  // its number
  std::uint32_t index = 0;  // of the request in its ring
  PendingOwner* owner = nullptr;
  PendingSlot* next = nullptr;
};

/// A request in the hands of a device until it completes it: now or later, in any order, from any
/// thread. Each is completed exactly once; to complete it again, or one that was moved from, does
/// nothing. One that is dropped is completed with BELLWIRE_FAILED, except when the device is about
/// to stop: then it is given back, and the next start serves it. (On a virtqueue, which can't take
/// a request back, it has failed then as well.)
///
/// Its input and output may be used until it is completed, not afterwards, however long that takes:
/// the queue's next generation and the end of the attachment wait for it (AsyncRequestHandler).
///
/// One thread at a time uses a PendingRequest; they are independent of each other. Completing
/// allocates nothing, and never blocks.
class PendingRequest {
 public:
  explicit PendingRequest(PendingSlot& slot) noexcept : slot_(&slot) {}
  PendingRequest(PendingRequest&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
  PendingRequest& operator=(PendingRequest&& other) noexcept {
    if (this != &other) {
      drop();
      slot_ = std::exchange(other.slot_, nullptr);
    }
    return *this;
  }
  ~PendingRequest() { drop(); }

  [[nodiscard]] const Request& operator*() const noexcept { return slot_->request; }
  [[nodiscard]] const Request* operator->() const noexcept { return &slot_->request; }
  [[nodiscard]] unsigned queue() const noexcept { return slot_->queue; }

  void complete(const Reply& reply = {}) && noexcept { finish(reply, false); }

  /// For an interface that carries a pointer and nothing else, such as io_uring's: the request
  /// lives on in it, and must come back by adopt().
  [[nodiscard]] void* release() && noexcept { return std::exchange(slot_, nullptr); }
  [[nodiscard]] static PendingRequest adopt(void* released) noexcept {
    return PendingRequest(*static_cast<PendingSlot*>(released));
  }

 private:
  void drop() noexcept { finish({.status = BELLWIRE_FAILED}, true); }
  void finish(const Reply& reply, bool dropped) noexcept {
    if (slot_ == nullptr) return;
    auto& slot = *std::exchange(slot_, nullptr);
    slot.reply = reply;
    slot.dropped = dropped;
    slot.owner->completed(slot);
  }

  PendingSlot* slot_;
};

/// Takes requests and completes them later. As many may be in flight as the ring has entries. The
/// driver sees completions in the order of its requests, so one that is slow holds back those that
/// follow it in its queue, though not their work.
///
/// All calls come from the thread that runs the device, and none may block. When the driver resets
/// the queue or leaves, when it breaks the queue, and when the device stops, for whatever reason:
///
/// 1. handle() is not called any more for that queue, and cancel() is called once if any of its
///    requests is in flight.
/// 2. The queue waits until each of them is completed or dropped. Only then is a new generation
///    acknowledged, or the attachment let go.
/// 3. From then on nothing touches the memory. A completion of an old generation is not published;
///    one of a device that stops is, if all before it are. What is not is served again by the next
///    start.
///
/// So the device owes one thing: after cancel(), each request of the queue is completed or dropped
/// soon, and without the loop, which may be waiting: in cancel() itself, or from a thread of the
/// device.
class AsyncRequestHandler {
 public:
  /// Takes a request and completes it, before it returns or later. May be called again for one that
  /// an earlier incarnation had not completed.
  virtual void handle(PendingRequest request) noexcept = 0;

  /// See above.
  virtual void cancel(unsigned queue) noexcept = 0;

 protected:
  ~AsyncRequestHandler() = default;
};

}  // namespace bellwire::ring
