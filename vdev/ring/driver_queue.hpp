// SPDX-License-Identifier: BSD-3-Clause
//
// The driver's side of a queue: submits requests, takes completions, and says when to ring and
// when to sleep. It is the same in the guest's process and in a test on the host; ringing and
// waiting is its user's, who knows the wires.
//
// Rules: guest-kmod/uapi/bellwire.h, part 1. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "vdev/ring/layout.hpp"
#include "vdev/ring/trace_writer.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::ring {

/// The part of the guest's module: begins a generation, and returns its number. Ring afterwards.
std::uint32_t begin_generation(const Queue& queue) noexcept;

/// Likewise: the driver leaves.
void end_generation(const Queue& queue) noexcept;

class DriverQueue {
 public:
  DriverQueue(const Queue& queue, std::uint32_t generation) noexcept
      : queue_(queue), generation_(generation), trace_(queue, BELLWIRE_PROCESS) {
    trace_.begin();
  }

  /// Whether the device serves our generation. Until then, nothing else may be used.
  [[nodiscard]] bool ready() const noexcept;

  /// Requests that can still be submitted before a completion has to be taken.
  [[nodiscard]] std::uint32_t space() const noexcept { return queue_.entries - in_flight(); }

  /// Writes a request, which the device sees after publish(). False if there is no space.
  bool submit(const bellwire_request& request) noexcept;

  /// Shows all submitted requests to the device. True: it wants to be rung.
  [[nodiscard]] bool publish() noexcept;

  /// Whether the device has published a completion that wasn't taken yet.
  [[nodiscard]] bool has_completion() const noexcept;

  /// How many completions can be taken without another look at the ring; if none, looks.
  [[nodiscard]] std::uint32_t available() noexcept;

  /// The next completion, if there is one.
  [[nodiscard]] std::optional<bellwire_completion> take() noexcept;

  /// Asks for an interrupt at the next completion. True: there is none yet, sleeping is safe.
  [[nodiscard]] bool may_sleep() noexcept;

  /// A sleep is over: for the records only.
  void awake() noexcept;

  /// What the device says about the queue. After anything but OK, reset it.
  [[nodiscard]] bellwire_queue_status status() const noexcept;

  /// The device published completions of requests that were never submitted; none is taken since.
  [[nodiscard]] bool device_broken() const noexcept { return device_broken_; }

  [[nodiscard]] std::uint32_t in_flight() const noexcept { return submitted_ - consumed_; }
  [[nodiscard]] std::span<std::byte> payload() const noexcept { return queue_.payload; }
  [[nodiscard]] const bellwire_queue_control& control() const noexcept { return *queue_.control; }

 private:
  void look() noexcept;
  bellwire_completion take_seen() noexcept;

  Queue queue_;
  std::uint32_t generation_;
  std::uint32_t submitted_ = 0;
  std::uint32_t published_ = 0;
  std::uint32_t seen_ = 0;  // `completed`, at the last look
  std::uint32_t consumed_ = 0;
  bool device_broken_ = false;
  TraceWriter trace_;
};

// What each request takes; the rest is done for many at once.

inline bool DriverQueue::submit(const bellwire_request& request) noexcept {
  if (space() == 0) return false;
  queue_.request(submitted_++) = request;
  return true;
}

// A look may wait for a cache line that the device is writing.
inline std::uint32_t DriverQueue::available() noexcept {
  if (seen_ == consumed_) look();
  return seen_ - consumed_;
}

// The completion is made where it is wanted, not copied there once more.
inline std::optional<bellwire_completion> DriverQueue::take() noexcept {
  struct Next {
    DriverQueue& queue;
    operator bellwire_completion() const noexcept { return queue.take_seen(); }
  };
  if (available() == 0) return std::nullopt;
  return std::optional<bellwire_completion>(std::in_place, Next{*this});
}

inline bellwire_completion DriverQueue::take_seen() noexcept {
  auto completion = copy_once(queue_.completion(consumed_));
  store(queue_.control->consume.consumed, ++consumed_, release);
  return completion;
}

}  // namespace bellwire::ring
