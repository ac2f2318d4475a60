// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/driver_watch.hpp"

#include <algorithm>
#include <utility>

#include "vdev/ring/hang.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::ring {

void Heartbeat::begin(Clock::time_point now, const DeviceSigns& signs) noexcept {
  since_ = last_ = now;
  beat_ = signs.beat;
}

Heartbeat::Health Heartbeat::look(Clock::time_point now, const DeviceSigns& signs) noexcept {
  last_ = now;
  if (beats(signs) >= proof) return Health::beating;
  if (now - since_ < silence) return Health::unknown;
  return signs.state == BELLWIRE_DEVICE_RUNNING ? Health::paused : Health::gone;
}

void DriverWatch::begin(const DeviceSigns& signs) noexcept {
  missing_ = missing(signs);
  incarnation_ = signs.incarnation;
  suspect_.reset();
}

// A generation's counts begin at 0 with it, the module's do not: so this may be any number, and
// only its growth means something.
std::int64_t DriverWatch::missing(const DeviceSigns& signs) const noexcept {
  return static_cast<std::int64_t>(signs.doorbells -
                                   load(queue_.control->status.doorbells, acquire));
}

DriverWatch::Advice DriverWatch::look(Clock::time_point now, const DeviceSigns& signs) {
  at_work_ = in_slow_motion(queue_);
  const auto hang = find_hang(queue_);
  if (!hang) {
    clear(now);
    return Advice::done;
  }
  const bool known =
      suspect_ && suspect_->hang == *hang && suspect_->incarnation == signs.incarnation;
  if (!known) {
    if (suspect_ && passed() && !settle(now, signs)) return Advice::wait;
    suspect(now, signs, *hang);
    // The hops before the doorbell are this side's own: it gets some time to continue by itself.
    if (hang->last < BELLWIRE_RUNG) return Advice::wait;
    return ring(now, signs);
  }
  if (!suspect_->rung || heartbeat_.absent(now)) return ring(now, signs);
  return conclude(now, heartbeat_.look(now, signs));
}

void DriverWatch::suspect(Clock::time_point now, const DeviceSigns& signs, const Hang& hang) {
  // A device that was killed and came back finds the same request: its age is the same, too.
  const bool same = suspect_ && suspect_->hang.generation == hang.generation &&
                    suspect_->hang.request == hang.request;
  suspect_ =
      Suspect{hang, same ? suspect_->since : now - std::chrono::seconds(1), signs.incarnation};
  heartbeat_.begin(now, signs);
}

DriverWatch::Advice DriverWatch::ring(Clock::time_point now, const DeviceSigns& signs) noexcept {
  suspect_->rung = true;
  heartbeat_.begin(now, signs);
  return Advice::ring;
}

DriverWatch::Advice DriverWatch::conclude(Clock::time_point now, Heartbeat::Health state) {
  if (state == Heartbeat::Health::unknown) return Advice::wait;
  report_state(now, state);
  if (state != Heartbeat::Health::beating) return Advice::done;
  const auto hop = hop_after(suspect_->hang.last);
  if (hop && !on_way_there(suspect_->hang.last)) {
    count(now, *hop);
    suspect_.reset();
  } else if (suspect_->hang.last == BELLWIRE_TAKEN) {
    wait_for_device(now);
  } else if (!std::exchange(stuck_, true)) {
    report_ = describe(suspect_->hang, now - suspect_->since);
  }
  return Advice::done;
}

// The device beats, so it is at work on the request. Whether it still is, another ring shows.
void DriverWatch::wait_for_device(Clock::time_point now) {
  suspect_->rung = false;
  at_work_ = true;
  if (now - suspect_->since >= limit && !std::exchange(slow_, true))
    report_ = describe(suspect_->hang, now - suspect_->since);
}

void DriverWatch::report_state(Clock::time_point now, Heartbeat::Health state) {
  const auto before = std::exchange(state_, state);
  if (before == state || !suspect_) return;
  const auto age = now - suspect_->since;
  if (state == Heartbeat::Health::paused)
    report_ = describe(suspect_->hang, age, "the device is paused");
  else if (state == Heartbeat::Health::gone)
    report_ = describe(suspect_->hang, age, "the device is gone");
  else if (before == Heartbeat::Health::paused)
    report_ = describe(suspect_->hang, age, "the device was paused, and goes on");
  else if (before == Heartbeat::Health::gone)
    report_ = describe(suspect_->hang, age, "the device was gone, and is back");
  if (state == Heartbeat::Health::beating && before != Heartbeat::Health::unknown)
    suspect_->since = now;  // from here on the device can be the cause
}

// Whether the suspected request has got on.
bool DriverWatch::passed() const noexcept {
  const auto& hang = suspect_->hang;
  if (hang.last < BELLWIRE_TAKEN) return reached(queue_, BELLWIRE_TAKEN, hang.request);
  const auto completed = load(queue_.control->complete.completed, acquire);
  return static_cast<std::int32_t>(completed - hang.request) > 0;
}

// Decides about the suspicion, now that the wait has ended.
bool DriverWatch::settle(Clock::time_point now, const DeviceSigns& signs) {
  const auto& [hang, since, incarnation, rung] = *suspect_;
  if (!passed()) return true;  // woken for something else
  const auto left = missing(signs);
  const bool restarted = std::exchange(incarnation_, signs.incarnation) != signs.incarnation;
  if (restarted) missing_ = left;  // it could not count what it had taken when it died
  const bool interrupted =
      restarted || state_ == Heartbeat::Health::paused || state_ == Heartbeat::Health::gone;
  if (!interrupted && hang.last == BELLWIRE_RUNG && left > missing_) {
    if (heartbeat_.look(now, signs) != Heartbeat::Health::beating) return false;
    missing_ = left;
    count(now, BELLWIRE_HOP_DOORBELL);
  } else if (!interrupted && hang.last == BELLWIRE_SUBMITTED && rung &&
             !reached(queue_, BELLWIRE_KICKED, hang.request)) {
    count(now, BELLWIRE_HOP_KICK);
  }
  missing_ = std::min(missing_, left);
  clear(now);
  return true;
}

void DriverWatch::give_up(Clock::time_point now) {
  clear(now);
}

void DriverWatch::clear(Clock::time_point now) {
  report_state(now, Heartbeat::Health::beating);
  stuck_ = slow_ = false;
  suspect_.reset();
}

void DriverWatch::count(Clock::time_point now, bellwire_hop hop) {
  auto& line = queue_.control->consume;
  const auto age = now - suspect_->since;
  ++losses_;
  report_ = describe(suspect_->hang, age);
  store(line.lost_request, suspect_->hang.request, relaxed);
  store(line.lost_ms,
        static_cast<__u32>(std::chrono::duration_cast<std::chrono::milliseconds>(age).count()),
        relaxed);
  store(line.lost[hop], load(line.lost[hop], relaxed) + 1, release);
}

std::optional<std::string> DriverWatch::report() {
  if (report_.empty()) return std::nullopt;
  return std::exchange(report_, {});
}

std::optional<std::string> DriverWatch::hopeless(Clock::time_point now) const {
  if (!suspect_ || now - suspect_->since < limit) return std::nullopt;
  if (state_ == Heartbeat::Health::gone)
    return describe(suspect_->hang, now - suspect_->since,
                    "the device is gone; start it again on the host");
  if (stuck_) return describe(suspect_->hang, now - suspect_->since);
  return std::nullopt;
}

StallDetector::StallDetector(const Layout& layout, unsigned queue) noexcept
    : layout_(layout), queue_(layout_.queue(queue)) {}

StallDetector::Progress StallDetector::progress() const noexcept {
  const auto& control = *queue_.control;
  const auto hang = find_hang(queue_);
  const bool at_work = hang && hang->last == BELLWIRE_TAKEN;
  return {load(control.driver.generation, acquire), load(control.status.generation, acquire),
          load(control.complete.completed, acquire), load(control.consume.consumed, acquire),
          at_work ? signs().beat : 0};
}

DeviceSigns StallDetector::signs() const noexcept {
  const auto& line = layout_.device_line();
  return {.state = load(line.state, acquire),
          .incarnation = load(line.incarnation, acquire),
          .beat = load(line.beat, acquire),
          .doorbells = 0};
}

StallDetector::Finding StallDetector::look(Clock::time_point now) noexcept {
  const auto interval = interval_.next(now);
  const auto here = progress();
  if (std::exchange(seen_, here) != here) {
    stalled_ = {};
    heartbeat_.begin(now, signs());
    reported_ = false;
    return Finding::nothing;
  }
  if (in_slow_motion(queue_)) return Finding::nothing;
  stalled_ += interval;
  if (stalled_ >= limit) return Finding::hopeless;
  if (reported_ || stalled_ < patience || heartbeat_.beats(signs()) < beats)
    return Finding::nothing;
  reported_ = true;
  return Finding::hangs;
}

std::string StallDetector::describe() const {
  const std::chrono::duration<double> age = stalled_;
  if (const auto hang = find_hang(queue_))
    return hang->last == BELLWIRE_TAKEN ? ring::describe(*hang, age, "stuck device")
                                        : ring::describe(*hang, age);
  const auto [generation, served, completed, consumed, beat] = progress();
  if (served != generation)
    return text("the queue was claimed {:.1f} s ago, never served by the device: lost doorbell",
                age.count());
  if (completed == consumed)
    return text(
        "the queue was claimed {:.1f} s ago, and is served, no interrupt taken: lost "
        "interrupt",
        age.count());
  return text("the driver has made no progress for {:.1f} s, although nothing is lost",
              age.count());
}

}  // namespace bellwire::ring
