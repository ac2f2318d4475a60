// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/request_device.hpp"

#include <algorithm>

#include "vdev/log/log.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire {
namespace {

// A guest can break its queues as fast as it likes, but cannot flood the log that way.
constexpr unsigned reports_per_tick = 3;

// For requests that no doorbell announced: the rest waits for the next tick.
constexpr unsigned turns_per_tick = 16;

}  // namespace

Result<void> RequestDevice::start(Attachment attachment) {
  if (auto opened = open(attachment); !opened) return opened;
  const auto incarnation = announce();
  for (unsigned index = 0; index < layout_->queues(); ++index) {
    const auto queue = layout_->queue(index);
    ring::set_recording(queue, BELLWIRE_HOST_RECORDS, false);  // left by an incarnation that died
    queues_.push_back({ring::DeviceQueue(queue, attachment.interrupts[index], incarnation),
                       ring::Watchdog(queue, attachment.interrupts[index])});
  }
  reports_left_ = reports_per_tick;
  return {};
}

Result<void> RequestDevice::open(Attachment& attachment) {
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
std::uint32_t RequestDevice::announce() noexcept {
  auto& line = layout_->device_line();
  const auto kind = traits().kind.substr(0, sizeof line.kind - 1);
  std::fill(std::copy(kind.begin(), kind.end(), line.kind), std::end(line.kind), '\0');
  const auto incarnation = ring::load(line.incarnation, ring::relaxed) + 1;
  ring::store(line.incarnation, incarnation, ring::relaxed);
  ring::store(line.state, BELLWIRE_DEVICE_RUNNING, ring::release);
  return incarnation;
}

Turn RequestDevice::on_doorbell(unsigned index, std::uint64_t rings) noexcept {
  if (index >= queues_.size()) return Turn::done;
  if (rings > 0 && queues_[index].watchdog.rung()) look_after(index);
  const Turn turn = queues_[index].queue.turn(*this, rings);
  report_status(index);
  return turn;
}

Turn RequestDevice::on_poll(unsigned index) noexcept {
  if (index >= queues_.size()) return Turn::done;
  const Turn turn = queues_[index].queue.poll(*this);
  report_status(index);
  return turn;
}

void RequestDevice::report_status(unsigned index) noexcept {
  auto& [queue, watchdog, reported, unfinished] = queues_[index];
  if (queue.status() == reported) return;
  reported = queue.status();
  if (reported == BELLWIRE_QUEUE_OK || reports_left_ == 0) return;
  --reports_left_;
  log::warning(
      "{}: the driver broke queue {} (reason {}, value {:#x}); it is served again once the driver "
      "resets it; the other queues continue",
      traits().kind, index, static_cast<int>(reported), queue.offender());
}

void RequestDevice::on_tick() noexcept {
  if (!layout_) return;
  auto& beat = layout_->device_line().beat;
  ring::store(beat, ring::load(beat, ring::relaxed) + 1, ring::release);
  reports_left_ = reports_per_tick;
  for (unsigned index = 0; index < queues_.size(); ++index) look_after(index);
}

void RequestDevice::look_after(unsigned index) {
  auto& served = queues_[index];
  const auto found = served.watchdog.look(ring::Watchdog::Clock::now());
  if (found.repair == ring::Watchdog::Repair::serve || served.unfinished) serve_unrung(served);
  if (found.repair == ring::Watchdog::Repair::raise) served.queue.raise_again();
  if (found.lost) served.queue.count_loss(*found.lost);
  if (!found.report || reports_left_ == 0) return;
  --reports_left_;
  log::warning("{}: queue {}: {}", traits().kind, index, *found.report);
}

void RequestDevice::serve_unrung(ServedQueue& served) noexcept {
  Turn turn = Turn::more;
  for (unsigned turns = 0; turn == Turn::more && turns < turns_per_tick; ++turns)
    turn = served.queue.turn(*this, 0);
  served.unfinished = turn == Turn::more;
}

bool RequestDevice::waits() const noexcept {
  return std::ranges::any_of(queues_, [](const ServedQueue& served) {
    return served.watchdog.watching() || served.unfinished;
  });
}

void RequestDevice::stop() noexcept {
  if (!layout_) return;
  for (unsigned index = 0; index < queues_.size(); ++index)
    if (queues_[index].watchdog.repairing()) look_after(index);
  ring::store(layout_->device_line().state, BELLWIRE_DEVICE_STOPPED, ring::release);
  queues_.clear();
  layout_.reset();
}

}  // namespace bellwire
