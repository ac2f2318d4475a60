// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/watchdog.hpp"

#include <algorithm>
#include <utility>

#include "vdev/os/event_fd.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::ring {
namespace {

// A live driver takes a repeated interrupt before the look after the next.
constexpr auto at_once = LookInterval::longest;

std::uint32_t driver_generation(const Queue& queue) noexcept {
  return load(queue.control->driver.generation, acquire);
}

bool consumed(const Queue& queue, std::uint32_t request) noexcept {
  const auto consumed = load(queue.control->consume.consumed, acquire);
  return static_cast<std::int32_t>(consumed - request) > 0;
}

// Until then the driver has nothing to react to.
bool completed(const Queue& queue, std::uint32_t request) noexcept {
  const auto completed = load(queue.control->complete.completed, acquire);
  return static_cast<std::int32_t>(completed - request) > 0;
}

}  // namespace

Watchdog::Watchdog(const Queue& queue, Interrupt interrupt)
    : queue_(queue), interrupt_(std::move(interrupt)) {
  generation_ = driver_generation(queue_);  // what an earlier incarnation reported is old
  for (std::size_t hop = 0; hop < driver_lost_.size(); ++hop)
    driver_lost_[hop] = load(queue_.control->consume.lost[hop], acquire);
}

Watchdog::Finding Watchdog::look(Clock::time_point now) {
  const auto step = std::chrono::duration_cast<Duration>(interval_.next(now));
  if (in_slow_motion(queue_)) return report_slow_motion(step);
  held_ = told_ = false;
  if (auto losses = report_driver_losses(); losses.report) return losses;
  auto hang = find_hang(queue_);
  if (hang && hang->last == BELLWIRE_TAKEN) hang.reset();  // its device is at work on it
  observed_ = hang == seen_ ? observed_ + step : Duration::zero();
  if (hang != seen_) since_ = now;
  seen_ = hang;
  if (repaired_) {
    if (completed(queue_, repaired_->hang.request)) repaired_->observed += step;
    return settle(now);
  }
  return seen_ && observed_ >= patience ? begin_repair() : Finding{};
}

// What the guest's side holds; the device's own side is shown to whoever holds it.
Watchdog::Finding Watchdog::report_slow_motion(Duration step) {
  seen_.reset();
  repaired_.reset();
  const bool guest =
      (load(queue_.control->recording.recording, acquire) & BELLWIRE_GUEST_STEPS) != 0;
  const bool waits = load(queue_.control->submit.submitted, acquire) !=
                     load(queue_.control->consume.consumed, acquire);
  held_ = guest && waits;
  observed_ = held_ ? observed_ + step : Duration::zero();
  if (observed_ < patience || std::exchange(told_, true)) return {};
  return {.repair = Repair::none,
          .report = "held in slow motion by the guest: no signal counts as lost meanwhile",
          .lost = {}};
}

Watchdog::Finding Watchdog::begin_repair() {
  const bool serves = on_way_there(seen_->last);
  repaired_ = Repaired{.hang = *seen_,
                       .submitted = load(queue_.control->submit.submitted, acquire),
                       .since = since_,
                       .untaken = !serves && os::has_count(interrupt_.fd())};
  return {.repair = serves ? Repair::serve : Repair::raise, .report = {}, .lost = {}};
}

// If nothing was submitted since the repair, this is the ring that was repaired: it was only late.
void Watchdog::note_late_ring() noexcept {
  if (load(queue_.control->submit.submitted, acquire) == repaired_->submitted)
    repaired_->late = true;
}

bool Watchdog::settled() const noexcept {
  const auto& hang = repaired_->hang;
  return consumed(queue_, hang.request) ||
         (hang.last == BELLWIRE_RAISED && reached(queue_, BELLWIRE_INTERRUPTED, hang.request));
}

bool Watchdog::lost() const noexcept {
  const auto& [hang, submitted, since, untaken, late, reported, observed] = *repaired_;
  if (reported || late) return false;
  if (hang.last == BELLWIRE_RAISED)
    return !untaken && observed <= at_once && reached(queue_, BELLWIRE_INTERRUPTED, hang.request);
  return hang.last == BELLWIRE_SUBMITTED || hang.last == BELLWIRE_RUNG;
}

// Decides whether the repair helped.
Watchdog::Finding Watchdog::settle(Clock::time_point now) {
  auto& repaired = *repaired_;
  const auto generation = driver_generation(queue_);
  const auto describe_as = [&](const char* cause) {
    return std::optional(describe(repaired.hang, now - repaired.since, cause));
  };
  Finding finding;
  // The words of a driver that has left stay until the next one comes.
  const bool left = generation == repaired.hang.generation + 1;
  if (generation != repaired.hang.generation && !(left && settled())) {
    finding.report =
        describe_as(generation % 2 == 0 ? "the driver is gone" : "the driver was reset");
  } else if (settled()) {
    if (lost()) {
      finding.lost = hop_after(repaired.hang.last);
      finding.report = describe(repaired.hang, now - repaired.since);
    } else if (repaired.reported) {
      finding.report = describe_as("the driver was paused, and goes on");
    }
  } else {
    if (repaired.reported || repaired.observed < patience) return {};
    repaired.reported = true;
    return {.repair = Repair::none, .report = describe_as("the driver is paused"), .lost = {}};
  }
  repaired_.reset();
  return finding;
}

// The driver counts the losses that it found, and names the request of the last one.
Watchdog::Finding Watchdog::report_driver_losses() {
  const auto& line = queue_.control->consume;
  const auto generation = driver_generation(queue_);
  if (generation % 2 == 0) return {};  // its words are still there
  if (std::exchange(generation_, generation) != generation) driver_lost_.fill(0);
  for (std::size_t hop = 0; hop < driver_lost_.size(); ++hop) {
    const auto lost = load(line.lost[hop], acquire);
    if (std::exchange(driver_lost_[hop], lost) == lost) continue;
    const Hang hang{generation_, load(line.lost_request, relaxed),
                    stage_before(static_cast<bellwire_hop>(hop))};
    const std::chrono::milliseconds age(load(line.lost_ms, relaxed));
    return {.repair = Repair::none, .report = describe(hang, age), .lost = {}};
  }
  return {};
}

void device_died(const MemoryView& memory) noexcept {
  const auto layout = Layout::open(memory);
  if (!layout) return;
  auto& state = layout->device_line().state;
  if (load(state, acquire) == BELLWIRE_DEVICE_RUNNING) store(state, BELLWIRE_DEVICE_DIED, release);
}

void guest_died(const MemoryView& memory) noexcept {
  const auto layout = Layout::open(memory);
  if (!layout) return;
  for (unsigned index = 0; index < layout->queues(); ++index) {
    const auto queue = layout->queue(index);
    if (load(queue.control->driver.generation, acquire) % 2 == 1) end_generation(queue);
  }
}

}  // namespace bellwire::ring
