// SPDX-License-Identifier: BSD-3-Clause
//
// DeviceQueue for a handler that completes its requests later: they are taken in the ring's order,
// completed in any, and published in the ring's order again.
#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::ring {

DeviceQueue::DeviceQueue(const Queue& queue, Interrupt interrupt, std::uint32_t incarnation,
                         unsigned number, std::shared_ptr<const os::EventFd> completed)
    : DeviceQueue(queue, std::move(interrupt), incarnation) {
  in_flight_ = std::make_unique<InFlight>(number, queue.entries, std::move(completed));
  taken_ = completed_;
}

Turn DeviceQueue::turn(AsyncRequestHandler& handler, std::uint64_t rings) noexcept {
  const Completions<PendingSlot>::Turn own(in_flight_->completions());
  in_flight_->set_polled(false);
  if (!settle(handler)) return Turn::done;
  note_rings(rings);
  const Look left = take(handler);
  if (left == Look::no_longer) return settle(handler) ? Turn::more : Turn::done;
  return left == Look::nothing && may_sleep(taken_) ? Turn::done : Turn::more;
}

Turn DeviceQueue::poll(AsyncRequestHandler& handler) noexcept {
  const Completions<PendingSlot>::Turn own(in_flight_->completions());
  in_flight_->set_polled(true);
  const auto taken = taken_;
  const auto completed = completed_;
  if (!settle(handler)) return Turn::done;
  if (take(handler) == Look::no_longer) (void)settle(handler);
  return taken_ != taken || completed_ != completed ? Turn::more : Turn::done;
}

void DeviceQueue::deliver(AsyncRequestHandler& handler) noexcept {
  const Completions<PendingSlot>::Turn own(in_flight_->completions());
  (void)settle(handler);
}

void DeviceQueue::stop(AsyncRequestHandler& handler) noexcept {
  const Completions<PendingSlot>::Turn own(in_flight_->completions());
  in_flight_->set_polled(false);
  publish_completed();
  if (tap_) tap_->stopping(number_);
  stopping_ = true;
  cancel(handler);
  (void)settle(handler);
}

bool DeviceQueue::settle(AsyncRequestHandler& handler) noexcept {
  if (!same_generation() || status_ != BELLWIRE_QUEUE_OK) end_requests(handler);
  publish_completed();
  if (stopping_ || !ending_) return !stopping_;
  if (in_flight_->count() == 0) (void)follow_generation();
  return !ending_;
}

void DeviceQueue::end_requests(AsyncRequestHandler& handler) noexcept {
  ending_ = true;
  cancel(handler);
}

void DeviceQueue::cancel(AsyncRequestHandler& handler) noexcept {
  if (!std::exchange(cancelled_, true) && in_flight_->count() > 0)
    handler.cancel(in_flight_->queue());
}

void DeviceQueue::publish_completed() noexcept {
  in_flight_->take_completed([this](const PendingSlot& slot) { accept(slot); });
  const auto before = completed_;
  while (completed_ != taken_ && in_flight_->done(completed_)) ++completed_;
  if (completed_ != before) publish(before);
}

// A request that is not accepted holds back those that follow it. While the queue stops, that is
// right: the next start serves it, and them.
void DeviceQueue::accept(const PendingSlot& slot) noexcept {
  if (ending_ || (stopping_ && slot.dropped)) return;
  complete(slot.index, slot.request.cookie, slot.reply);
  in_flight_->set_done(slot.index);
}

DeviceQueue::Look DeviceQueue::take(AsyncRequestHandler& handler) noexcept {
  const auto first = taken_;
  for (std::size_t bytes = 0; taken_ - first < budget && bytes < byte_budget;) {
    const Look seen = look(taken_);
    if (seen != Look::work) return seen;
    bytes += take_batch(handler);
  }
  return Look::work;
}

// Returns how many bytes the requests brought.
std::size_t DeviceQueue::take_batch(AsyncRequestHandler& handler) noexcept {
  const auto before = taken_;
  const auto began = timestamp_after_loads();
  std::size_t bytes = 0;
  for (auto now = began; now - began < batch_ticks; now = timestamp()) {
    trace_.note_at(now, BELLWIRE_TAKEN, generation_, taken_, taken_ + 1);
    bytes += take_one(handler);
    if (taken_ == seen_ || taken_ - before == batch) break;
  }
  publish_completed();
  return bytes;
}

std::size_t DeviceQueue::take_one(AsyncRequestHandler& handler) noexcept {
  const auto entry = copy_once(queue_.request(taken_));
  const auto status = check(entry);
  const bool good = status == BELLWIRE_DONE;
  if (tap_) [[unlikely]]
    tell_taken(taken_, entry, good);
  const auto checked = good ? request_of(entry) : Request{entry.cookie, entry.operation, {}, {}};
  auto request = in_flight_->add(taken_++, checked);
  if (good)
    handler.handle(std::move(request));
  else
    std::move(request).complete({.status = status});
  return good ? entry.input_length : 0;
}

}  // namespace bellwire::ring
