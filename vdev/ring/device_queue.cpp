// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/device_queue.hpp"

#include "vdev/ring/words.hpp"

namespace bellwire::ring {
namespace {

void add(__u64& word, std::uint64_t more) {
  store(word, load(word, relaxed) + more, relaxed);
}

}  // namespace

DeviceQueue::DeviceQueue(const Queue& queue, Interrupt interrupt,
                         std::uint32_t incarnation) noexcept
    : queue_(queue),
      interrupt_(std::move(interrupt)),
      incarnation_(incarnation),
      generation_(load(queue.control->status.generation, acquire)),
      completed_(load(queue.control->complete.completed, relaxed)),
      trace_(queue, BELLWIRE_DEVICE) {
  // The driver cannot notice it if this is counted twice: a completion that the last incarnation
  // published, before it died without raising the interrupt.
  if (!same_generation()) return;
  trace_.take_again_from(completed_);
  if (const auto broken = load(queue_.control->status.status, acquire)) {
    status_ = queue_status(broken);
    offender_ = load(queue_.control->status.offender, relaxed);
    raise();
    return;
  }
  const auto submitted = load(queue_.control->submit.submitted, acquire);
  if (submitted - completed_ > queue_.entries)
    distrust(BELLWIRE_QUEUE_BAD_COMPLETED, completed_);
  else
    raise();
}

void DeviceQueue::tell(std::shared_ptr<RequestTap> tap, unsigned number) noexcept {
  tap_ = std::move(tap);
  number_ = number;
  if (tap_)
    tap_->began(number_, generation_, completed_,
                same_generation() && status_ == BELLWIRE_QUEUE_OK);
}

Turn DeviceQueue::turn(RequestHandler& handler, std::uint64_t rings) noexcept {
  if (!follow_generation()) return Turn::done;
  note_rings(rings);
  if (gate_) [[unlikely]]
    return step(handler);
  const Look left = serve(handler);
  const bool done = left == Look::no_longer || (left == Look::nothing && may_sleep(completed_));
  return done ? Turn::done : Turn::more;
}

void DeviceQueue::note_rings(std::uint64_t rings) noexcept {
  add(queue_.control->status.doorbells, rings);
  add(queue_.control->status.wakeups, rings > 0 ? 1 : 0);
  if (tap_ && rings > 0) tap_->rung(number_, rings);
  if (rings > 0) trace_.note(BELLWIRE_WOKEN, generation_, queue_.control->submit.submitted);
}

Turn DeviceQueue::poll(RequestHandler& handler) noexcept {
  if (!follow_generation()) return Turn::done;
  if (gate_) [[unlikely]]
    return step(handler);
  const auto before = completed_;
  const Look left = serve(handler);
  return left != Look::no_longer && completed_ != before ? Turn::more : Turn::done;
}

DeviceQueue::Look DeviceQueue::serve(RequestHandler& handler) noexcept {
  const auto first = completed_;
  for (std::size_t bytes = 0; completed_ - first < budget && bytes < byte_budget;) {
    const Look seen = look(completed_);
    if (seen != Look::work) return seen;
    bytes += serve_batch(handler);
  }
  return Look::work;
}

// Whether there is a driver, and its queue isn't broken. A change of generation is always followed
// by a ring, so that returning without work loses nothing.
bool DeviceQueue::follow_generation() noexcept {
  const auto wanted = load(queue_.control->driver.generation, acquire);
  if (wanted % 2 == 0) return false;
  if (wanted != generation_) begin(wanted);
  return status_ == BELLWIRE_QUEUE_OK;
}

void DeviceQueue::begin(std::uint32_t generation) noexcept {
  auto& control = *queue_.control;
  store(control.status.status, BELLWIRE_QUEUE_OK, relaxed);
  store(control.status.offender, 0, relaxed);
  store(control.status.doorbells, 0, relaxed);
  store(control.status.wakeups, 0, relaxed);
  store(control.status.raises, 0, relaxed);
  for (auto& lost : control.status.lost) store(lost, 0, relaxed);
  store(control.complete.completed, 0, relaxed);
  store(control.doorbell.doorbell_event, 0, relaxed);
  store(control.status.generation, generation, release);
  trace_.begin();
  generation_ = generation;
  completed_ = taken_ = 0;
  ending_ = cancelled_ = withheld_ = false;
  next_hop_ = BELLWIRE_TAKEN;
  status_ = BELLWIRE_QUEUE_OK;
  offender_ = 0;
  if (tap_) tap_->began(number_, generation_, completed_, true);
  raise();
}

bool DeviceQueue::same_generation() const noexcept {
  return load(queue_.control->driver.generation, acquire) == generation_ && generation_ % 2 == 1;
}

// `submitted` is read before `consumed`, which only grows: so an honest driver's words always fit
// together.
DeviceQueue::Look DeviceQueue::look(std::uint32_t taken) noexcept {
  const auto submitted = load(queue_.control->submit.submitted, acquire);
  if (submitted == taken) return Look::nothing;
  const auto consumed = load(queue_.control->consume.consumed, acquire);
  if (completed_ - consumed > queue_.entries)
    return distrust(BELLWIRE_QUEUE_BAD_CONSUMED, consumed);
  const auto open = submitted - completed_;
  if (open > queue_.entries || open < taken - completed_ || submitted - consumed > queue_.entries)
    return distrust(BELLWIRE_QUEUE_BAD_SUBMITTED, submitted);
  seen_ = submitted;
  return Look::work;
}

// Words that can't be right may only be those of a generation that just ended; if not, the queue
// is broken.
DeviceQueue::Look DeviceQueue::distrust(bellwire_queue_status status,
                                        std::uint32_t offender) noexcept {
  if (!same_generation()) return Look::no_longer;
  status_ = status;
  offender_ = offender;
  store(queue_.control->status.offender, offender, relaxed);
  store(queue_.control->status.status, status, release);
  raise();
  return Look::no_longer;
}

bool DeviceQueue::may_sleep(std::uint32_t taken) noexcept {
  store(queue_.control->doorbell.doorbell_event, taken, in_order);
  return load(queue_.control->submit.submitted, in_order) == taken;
}

// Returns how many bytes the requests brought.
std::size_t DeviceQueue::serve_batch(RequestHandler& handler) noexcept {
  const auto before = completed_;
  const auto began = timestamp_after_loads();
  std::size_t bytes = 0;
  for (auto now = began; now - began < batch_ticks; now = timestamp()) {
    trace_.note_at(now, BELLWIRE_TAKEN, generation_, completed_, completed_ + 1);
    bytes += serve_one(handler);
    if (completed_ == seen_ || completed_ - before == batch) break;
  }
  publish(before);
  return bytes;
}

std::size_t DeviceQueue::serve_one(RequestHandler& handler) noexcept {
  const auto entry = copy_once(queue_.request(completed_));
  Reply reply{.status = check(entry)};
  if (tap_) [[unlikely]]
    tell_taken(completed_, entry, reply.status == BELLWIRE_DONE);
  if (reply.status == BELLWIRE_DONE) reply = handler.serve(request_of(entry));
  complete(completed_++, entry.cookie, reply);
  return reply.status == BELLWIRE_DONE ? entry.input_length : 0;
}

void DeviceQueue::tell_taken(std::uint32_t index, const bellwire_request& entry,
                             bool good) noexcept {
  const auto checked = good ? request_of(entry) : Request{};
  tap_->taken(number_, index, entry, checked.input, checked.output);
}

void DeviceQueue::publish(std::uint32_t before) noexcept {
  if (filter_) [[unlikely]]
    return publish_filtered(before);
  announce(before, completed_);
}

void DeviceQueue::announce(std::uint32_t before, std::uint32_t end) noexcept {
  if (show(before, end)) raise();
}

bool DeviceQueue::show(std::uint32_t before, std::uint32_t end) noexcept {
  if (tap_) [[unlikely]]
    for (auto index = before; index != end; ++index)
      tap_->published(number_, index, queue_.completion(index));
  trace_.note_all(BELLWIRE_POSTED, generation_, before, end);
  store(queue_.control->complete.completed, end, in_order);
  const auto event = load(queue_.control->consume.interrupt_event, in_order);
  return bellwire_event_passed(event, end, before) != 0;
}

void DeviceQueue::count_loss(bellwire_hop hop) noexcept {
  auto& lost = queue_.control->status.lost[hop];
  store(lost, load(lost, relaxed) + 1, relaxed);
}

void DeviceQueue::raise() noexcept {
  add(queue_.control->status.raises, 1);
  trace_.note(BELLWIRE_RAISED, generation_, completed_);
  if (tap_) tap_->raised(number_);
  interrupt_.raise();
}

}  // namespace bellwire::ring
