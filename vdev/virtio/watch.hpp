// SPDX-License-Identifier: BSD-3-Clause
//
// Watch: what others see of the queues of a virtio device while it runs: counts, and the times of
// each request's steps. A virtio ring has no room for that, so it is written into memory of this
// process that is laid out as a ring device's (guest-kmod/uapi/bellwire.h): who can watch one of
// those can watch a virtio device. The side of the device alone writes there.
//
// A request's index is its number among those that were taken since the queue was started. Requests
// may be completed in any order. A queue's generation is even while it is stopped.
//
// The loop's thread writes; any thread may read the layout's words. Nothing waits or allocates but
// create() and begin().
#pragma once

#include <string_view>
#include <vector>

#include "vdev/ring/layout.hpp"
#include "vdev/ring/trace.hpp"

namespace bellwire::virtio {

/// One queue of a Watch.
class WatchedQueue {
 public:
  explicit WatchedQueue(const ring::Queue& queue) noexcept
      : queue_(queue), trace_(queue, BELLWIRE_DEVICE) {}

  /// It is started, with a ring of `entries`; counts begin at 0.
  void begin(std::uint16_t entries);
  void end() noexcept;
  /// Its ring's own words can't be right.
  void broken() noexcept;

  /// The device wakes up for that many kicks. What it takes until it sleeps again is taken for the
  /// last of them.
  void woken(std::uint64_t kicks) noexcept;
  /// Returns the request's index.
  [[nodiscard]] std::uint32_t taken() noexcept;
  /// It is among those that are published next.
  void returned(std::uint32_t index) noexcept { returned_.push_back(index); }
  /// What was returned is about to become visible.
  void publishing() noexcept;
  /// The driver is about to be interrupted for what was published last.
  void raising() noexcept;

 private:
  ring::Queue queue_;
  ring::TraceWriter trace_;
  std::uint32_t generation_ = 0;
  std::uint32_t taken_ = 0;
  std::uint32_t completed_ = 0;
  std::uint32_t entries_ = 0;
  std::vector<std::uint32_t> returned_;  // has room for all that can be in flight
  bool published_ = false;               // something, by the last publishing()
};

class Watch {
 public:
  /// For a device `kind` of so many queues, with rings of up to `entries`, a power of two. EINVAL:
  /// they are more than BELLWIRE_MAX_QUEUES. ENOMEM, EMFILE and the like.
  [[nodiscard]] static Result<Watch> create(std::string_view kind, unsigned queues,
                                            std::uint32_t entries);

  [[nodiscard]] const ring::Layout& layout() const noexcept { return layout_; }
  [[nodiscard]] WatchedQueue& queue(unsigned index) noexcept { return queues_[index]; }

 private:
  explicit Watch(ring::Layout layout);
  ring::Layout layout_;
  std::vector<WatchedQueue> queues_;
};

}  // namespace bellwire::virtio
