// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/request_device.hpp"

#include <algorithm>
#include <numeric>

#include "vdev/log/log.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire {
namespace {

// A guest can break its queues as fast as it likes, but cannot flood the log that way.
constexpr unsigned reports_per_tick = 3;

// For requests that no doorbell announced: the rest waits for the next tick.
constexpr unsigned turns_per_tick = 16;

// A device has been told to end its requests; whoever waits for that hears that it takes long.
constexpr unsigned long_end_ticks = 20;
constexpr std::chrono::seconds long_end{2};

}  // namespace

Result<void> RingDevice::start(Attachment attachment) {
  if (auto opened = open(attachment); !opened) return opened;
  const auto incarnation = announce();
  for (unsigned index = 0; index < layout_->queues(); ++index) {
    const auto queue = layout_->queue(index);
    ring::set_recording(queue, BELLWIRE_HOST_RECORDS, false);  // left by an incarnation that died
    ring::set_recording(queue, BELLWIRE_HOST_STEPS, attachment.steps != nullptr);
    queues_.push_back({make_queue(index, queue, attachment.interrupts[index], incarnation),
                       ring::Watchdog(queue, attachment.interrupts[index])});
    queues_.back().queue.filter(attachment.completions, index);
    queues_.back().queue.tell(attachment.tap, index);
    queues_.back().queue.hold(attachment.steps, index);
  }
  reports_left_ = reports_per_tick;
  return {};
}

Result<void> RingDevice::open(Attachment& attachment) {
  const auto wires = std::min(attachment.doorbells.size(), attachment.interrupts.size());
  if (auto settled = ring::settle_format(attachment, traits().doorbells); !settled) return settled;
  auto layout = ring::Layout::open(attachment);
  if (!layout) return layout.error();
  if (layout->queues() > wires)
    return fault(std::errc::protocol_error,
                 "the memory has {} queues, but there are wires for {}; give as many vectors",
                 layout->queues(), wires);
  layout_ = std::move(*layout);
  return {};
}

// Returns the number of this incarnation.
std::uint32_t RingDevice::announce() noexcept {
  auto& line = layout_->device_line();
  const auto kind = traits().kind.substr(0, sizeof line.kind - 1);
  std::fill(std::copy(kind.begin(), kind.end(), line.kind), std::end(line.kind), '\0');
  const auto incarnation = ring::load(line.incarnation, ring::relaxed) + 1;
  ring::store(line.incarnation, incarnation, ring::relaxed);
  ring::store(line.state, BELLWIRE_DEVICE_RUNNING, ring::release);
  return incarnation;
}

Turn RingDevice::on_doorbell(unsigned index, std::uint64_t rings) noexcept {
  if (index >= queues_.size()) return Turn::done;
  if (rings > 0 && queues_[index].watchdog.rung()) look_after(index);
  const Turn left = turn(queues_[index].queue, rings);
  report_status(index);
  return left;
}

Turn RingDevice::on_poll(unsigned index) noexcept {
  if (index >= queues_.size()) return Turn::done;
  const Turn left = poll(queues_[index].queue);
  report_status(index);
  return left;
}

void RingDevice::report_status(unsigned index) noexcept {
  const auto& queue = queues_[index].queue;
  auto& reported = queues_[index].reported;
  if (queue.status() == reported) return;
  reported = queue.status();
  if (reported == BELLWIRE_QUEUE_OK || reports_left_ == 0) return;
  --reports_left_;
  log::warning(
      "{}: the driver broke queue {} (reason {}, value {:#x}); it is served again once the driver "
      "resets it; the other queues continue",
      traits().kind, index, static_cast<int>(reported), queue.offender());
}

void RingDevice::on_tick() noexcept {
  if (!layout_) return;
  auto& beat = layout_->device_line().beat;
  ring::store(beat, ring::load(beat, ring::relaxed) + 1, ring::release);
  reports_left_ = reports_per_tick;
  for (unsigned index = 0; index < queues_.size(); ++index) {
    look_after(index);
    watch_end(index);
  }
}

void RingDevice::watch_end(unsigned index) {
  auto& [queue, watchdog, reported, unfinished, ticks] = queues_[index];
  ticks = queue.ending() ? ticks + 1 : 0;
  if (ticks == long_end_ticks)
    log::warning("{}: queue {} waits for {} requests that the device does not complete",
                 traits().kind, index, queue.in_flight());
}

void RingDevice::look_after(unsigned index) {
  auto& served = queues_[index];
  const auto found = served.watchdog.look(ring::Watchdog::Clock::now());
  if (found.repair == ring::Watchdog::Repair::serve || served.unfinished) serve_unrung(served);
  if (found.repair == ring::Watchdog::Repair::raise) served.queue.raise_again();
  if (found.lost) served.queue.count_loss(*found.lost);
  if (!found.report || reports_left_ == 0) return;
  --reports_left_;
  log::warning("{}: queue {}: {}", traits().kind, index, *found.report);
}

void RingDevice::serve_unrung(ServedQueue& served) noexcept {
  Turn left = Turn::more;
  for (unsigned turns = 0; left == Turn::more && turns < turns_per_tick; ++turns)
    left = turn(served.queue, 0);
  served.unfinished = left == Turn::more;
}

bool RingDevice::waits() const noexcept {
  return std::ranges::any_of(queues_, [](const ServedQueue& served) {
    return served.watchdog.watching() || served.unfinished || served.queue.in_flight() > 0;
  });
}

std::uint32_t RingDevice::in_flight() const noexcept {
  return std::accumulate(
      queues_.begin(), queues_.end(), 0U,
      [](unsigned sum, const ServedQueue& served) { return sum + served.queue.in_flight(); });
}

void RingDevice::stop() noexcept {
  if (!layout_) return;
  for (unsigned index = 0; index < queues_.size(); ++index)
    if (queues_[index].watchdog.repairing()) look_after(index);
  ring::store(layout_->device_line().state, BELLWIRE_DEVICE_STOPPED, ring::release);
  queues_.clear();
  layout_.reset();
}

ring::DeviceQueue RequestDevice::make_queue(unsigned, const ring::Queue& queue, Interrupt interrupt,
                                            std::uint32_t incarnation) {
  return {queue, std::move(interrupt), incarnation};
}

Turn RequestDevice::turn(ring::DeviceQueue& queue, std::uint64_t rings) noexcept {
  return queue.turn(*this, rings);
}

Turn RequestDevice::poll(ring::DeviceQueue& queue) noexcept {
  return queue.poll(*this);
}

Result<void> AsyncRequestDevice::start(Attachment attachment) {
  auto event = os::EventFd::create();
  if (!event) return event.error();
  completed_ = std::make_shared<os::EventFd>(std::move(*event));
  auto started = RingDevice::start(std::move(attachment));
  if (!started) completed_.reset();
  return started;
}

ring::DeviceQueue AsyncRequestDevice::make_queue(unsigned index, const ring::Queue& queue,
                                                 Interrupt interrupt, std::uint32_t incarnation) {
  return {queue, std::move(interrupt), incarnation, index, completed_};
}

Turn AsyncRequestDevice::turn(ring::DeviceQueue& queue, std::uint64_t rings) noexcept {
  return queue.turn(*this, rings);
}

Turn AsyncRequestDevice::poll(ring::DeviceQueue& queue) noexcept {
  return queue.poll(*this);
}

void AsyncRequestDevice::on_ready() noexcept {
  for (unsigned index = 0; index < queues_.size(); ++index) {
    queues_[index].queue.deliver(*this);
    report_status(index);
  }
}

void AsyncRequestDevice::stop() noexcept {
  for (auto& served : queues_) served.queue.stop(*this);
  drain();
  RingDevice::stop();
  completed_.reset();
}

// The loop stands still meanwhile: what is completed comes from the device's threads.
void AsyncRequestDevice::drain() noexcept {
  for (bool told = false; in_flight() > 0; on_ready()) {
    if (completed_->wait(long_end))
      completed_->drain();
    else if (!std::exchange(told, true))
      log::warning("{}: stops, and waits for {} requests that the device does not complete",
                   traits().kind, in_flight());
  }
}

}  // namespace bellwire
