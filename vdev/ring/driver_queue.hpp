// SPDX-License-Identifier: BSD-3-Clause
//
// DriverQueue: the driver's side of a queue. It submits requests, takes completions, and says when
// to ring and when sleeping is safe. The guest's process and tests on the host use the same one;
// ringing and waiting are up to the user, who knows the wires. ModuleQueue: the guest module's
// part, for drivers that play the module as well.
//
// Rules: guest-kmod/uapi/bellwire.h, part 1. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "vdev/core/poll_time.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/ring/trace.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::ring {

/// As the guest's module does: begins a generation, and returns its number. Ring afterwards.
std::uint32_t begin_generation(const Queue& queue) noexcept;

/// As the guest's module does when the driver leaves: ends the generation.
void end_generation(const Queue& queue) noexcept;

class DriverQueue {
 public:
  DriverQueue(const Queue& queue, std::uint32_t generation) noexcept
      : queue_(queue), generation_(generation), trace_(queue, BELLWIRE_PROCESS) {
    trace_.begin();
  }

  /// Whether the device serves our generation. Until then, call nothing else.
  [[nodiscard]] bool ready() const noexcept;

  /// How many requests can be submitted before a completion must be taken.
  [[nodiscard]] std::uint32_t space() const noexcept { return queue_.entries - in_flight(); }

  /// Writes a request, which the device sees after publish(). False: there is no space.
  bool submit(const bellwire_request& request) noexcept;

  /// Makes all submitted requests visible to the device. True: it wants to be rung.
  [[nodiscard]] bool publish() noexcept;

  /// Whether the device has published a completion that was not taken yet.
  [[nodiscard]] bool has_completion() const noexcept;

  /// How many completions can be taken. Looks at the ring only when none is known.
  [[nodiscard]] std::uint32_t available() noexcept;

  /// The next completion, if there is one.
  [[nodiscard]] std::optional<bellwire_completion> take() noexcept;

  /// Asks for an interrupt at the next completion. True: there is no completion yet, sleep safely.
  [[nodiscard]] bool may_sleep() noexcept;

  /// To be called after a sleep; for the records only.
  void awake() noexcept;

  /// The device's verdict on the queue. If it is not OK, reset the queue.
  [[nodiscard]] bellwire_queue_status status() const noexcept;

  /// Whether the device published completions of requests that were never submitted. Then no more
  /// completions are taken.
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

// These run per request; everything else runs once for many requests.

inline bool DriverQueue::submit(const bellwire_request& request) noexcept {
  if (space() == 0) return false;
  queue_.request(submitted_++) = request;
  return true;
}

// Looking may wait for a cache line that the device is writing.
inline std::uint32_t DriverQueue::available() noexcept {
  if (seen_ == consumed_) look();
  return seen_ - consumed_;
}

// The completion is constructed in its final place, which saves a copy.
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

// How a driver waits for a completion: it polls as long as that pays off, then sleeps until it is
// woken. One thread at a time.

/// Polls until there is a completion or `patience` is over, for a second at most: then the caller
/// should find out why.
inline bool look(const DriverQueue& queue, const PollTime& patience,
                 PollTime::Clock::time_point began) {
  constexpr unsigned looks = 16;  // between two at the clock
  const auto longest = std::min<PollTime::Duration>(patience.time(), std::chrono::seconds(1));
  do {
    for (unsigned times = 0; times < looks; ++times) {
      if (queue.has_completion()) return true;
      pause_polling();
    }
  } while (PollTime::Clock::now() - began < longest);
  return false;
}

/// Publishes what was submitted, and waits for a completion. Returns whether it slept.
///
/// Without polling it asks for the interrupt before the device sees the requests, so that the
/// interrupt surely comes, unless completions are there already. With polling it asks for the
/// interrupt only after polling has failed.
template <class Ring, class Sleep>
bool publish_and_wait(DriverQueue& queue, PollTime& patience, const Ring& ring,
                      const Sleep& sleep) {
  const bool looks = patience.time() > PollTime::Duration::zero();
  bool sleeps = !looks && queue.may_sleep();
  if (queue.publish()) ring();
  const auto began = patience.now();
  if (looks) sleeps = !look(queue, patience, began) && queue.may_sleep();
  if (sleeps) {
    sleep();
    queue.awake();
  }
  if (queue.has_completion()) patience.work_came(patience.now() - began);
  return sleeps;
}

/// The module's part of a queue, for drivers that play the module as well: it begins a generation,
/// and records the module's steps, as guest-kmod/module/record.c does.
class ModuleQueue {
 public:
  /// Begins a generation. Ring afterwards.
  explicit ModuleQueue(const Queue& queue) noexcept
      : control_(queue.control),
        generation_(begin_generation(queue)),
        trace_(queue, BELLWIRE_MODULE) {}

  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }

  /// The kick was taken, and the doorbell is written next.
  void note_ring() noexcept {
    note(BELLWIRE_KICKED);
    note(BELLWIRE_RUNG);
  }

  /// The interrupt was taken, and the call eventfd is signalled next.
  void note_interrupt() noexcept {
    note(BELLWIRE_INTERRUPTED);
    note(BELLWIRE_SIGNALLED);
  }

  /// A look did without the signal for that request, at that time.
  void note_recovery(std::uint64_t ticks, bellwire_recovery what, std::uint32_t index) noexcept {
    trace_.note_recovery(ticks, what, generation_, index);
  }

  /// One of these four.
  void note(bellwire_stage stage) noexcept {
    const bool on_way_there = stage < BELLWIRE_WOKEN;
    trace_.note(stage, generation_,
                on_way_there ? control_->submit.submitted : control_->complete.completed);
  }

 private:
  const bellwire_queue_control* control_;
  std::uint32_t generation_;
  TraceWriter trace_;
};

}  // namespace bellwire::ring
