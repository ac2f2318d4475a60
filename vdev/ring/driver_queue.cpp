// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/driver_queue.hpp"

#include <utility>

#include "vdev/ring/words.hpp"

namespace bellwire::ring {
std::uint32_t begin_generation(const Queue& queue) noexcept {
  auto& control = *queue.control;
  const auto last = load(control.driver.generation, relaxed);
  const auto between = (last | 1) + 1;
  store(control.driver.generation, between, in_order);
  // Release: whoever sees one of these zeroes also sees that the generation ended.
  store(control.submit.submitted, 0, release);
  store(control.consume.consumed, 0, release);
  store(control.consume.interrupt_event, 0, release);
  TraceWriter(queue, BELLWIRE_MODULE).begin();
  set_recording(queue, BELLWIRE_GUEST_RECORDS, false);
  store(control.driver.generation, between + 1, release);
  return between + 1;
}

void end_generation(const Queue& queue) noexcept {
  auto& word = queue.control->driver.generation;
  store(word, (load(word, relaxed) | 1) + 1, release);
}

bool DriverQueue::ready() const noexcept {
  return load(queue_.control->status.generation, acquire) == generation_;
}

std::uint32_t DriverQueue::space() const noexcept {
  return queue_.entries - in_flight();
}

bool DriverQueue::submit(const bellwire_request& request) noexcept {
  if (space() == 0) return false;
  queue_.request(submitted_++) = request;
  return true;
}

bool DriverQueue::publish() noexcept {
  const auto before = std::exchange(published_, submitted_);
  trace_.note_all(BELLWIRE_SUBMITTED, generation_, before, submitted_);
  store(queue_.control->submit.submitted, submitted_, in_order);
  const auto event = load(queue_.control->doorbell.doorbell_event, in_order);
  return bellwire_event_passed(event, submitted_, before) != 0;
}

bool DriverQueue::has_completion() const noexcept {
  return load(queue_.control->complete.completed, acquire) != consumed_;
}

// The completion is made where it is wanted, not copied there once more.
std::optional<bellwire_completion> DriverQueue::take() noexcept {
  struct Next {
    DriverQueue& queue;
    operator bellwire_completion() const noexcept { return queue.take_seen(); }
  };
  if (seen_ == consumed_ && !look()) return std::nullopt;
  return std::optional<bellwire_completion>(std::in_place, Next{*this});
}

bellwire_completion DriverQueue::take_seen() noexcept {
  auto completion = copy_once(queue_.completion(consumed_));
  trace_.note(BELLWIRE_CONSUMED, generation_, consumed_);
  store(queue_.control->consume.consumed, ++consumed_, release);
  return completion;
}

// Only when all that the last look saw is taken: a look may wait for a cache line that the device
// is writing.
bool DriverQueue::look() noexcept {
  const auto completed = load(queue_.control->complete.completed, acquire);
  if (completed == consumed_ || device_broken_) return false;
  device_broken_ = completed - consumed_ > published_ - consumed_;
  if (!device_broken_) seen_ = completed;
  return !device_broken_;
}

bool DriverQueue::may_sleep() noexcept {
  store(queue_.control->consume.interrupt_event, consumed_, in_order);
  return load(queue_.control->complete.completed, in_order) == consumed_;
}

void DriverQueue::awake() noexcept {
  trace_.note(BELLWIRE_AWAKE, generation_, queue_.control->complete.completed);
}

bellwire_queue_status DriverQueue::status() const noexcept {
  return static_cast<bellwire_queue_status>(load(queue_.control->status.status, acquire));
}

}  // namespace bellwire::ring
