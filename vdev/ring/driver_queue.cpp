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

void DriverQueue::look() noexcept {
  const auto completed = load(queue_.control->complete.completed, acquire);
  if (completed == consumed_ || device_broken_) return;
  device_broken_ = completed - consumed_ > published_ - consumed_;
  if (device_broken_) return;
  seen_ = completed;
  trace_.note_all(BELLWIRE_CONSUMED, generation_, consumed_, seen_);
}

bool DriverQueue::may_sleep() noexcept {
  store(queue_.control->consume.interrupt_event, consumed_, in_order);
  return load(queue_.control->complete.completed, in_order) == consumed_;
}

void DriverQueue::awake() noexcept {
  trace_.note(BELLWIRE_AWAKE, generation_, queue_.control->complete.completed);
}

bellwire_queue_status DriverQueue::status() const noexcept {
  return queue_status(load(queue_.control->status.status, acquire));
}

}  // namespace bellwire::ring
