// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/driver_watch.hpp"

#include <algorithm>
#include <utility>

#include "vdev/ring/words.hpp"

namespace bellwire::ring {

void Pulse::begin(Clock::time_point now, const DeviceSigns& signs) noexcept {
  since_ = last_ = now;
  beat_ = signs.beat;
}

Pulse::State Pulse::look(Clock::time_point now, const DeviceSigns& signs) noexcept {
  last_ = now;
  if (signs.beat - beat_ >= proof) return State::beating;
  if (now - since_ < silence) return State::unknown;
  return signs.state == BELLWIRE_DEVICE_RUNNING ? State::paused : State::gone;
}

void DriverWatch::begin(const DeviceSigns& signs) noexcept {
  missing_ = missing(signs);
  incarnation_ = signs.incarnation;
  suspect_.reset();
}

// A generation's counts begin with it, the module's do not: so this may be any number, and only its
// growth says something.
std::int64_t DriverWatch::missing(const DeviceSigns& signs) const noexcept {
  return static_cast<std::int64_t>(signs.doorbells -
                                   load(queue_.control->status.doorbells, acquire));
}

DriverWatch::Advice DriverWatch::look(Clock::time_point now, const DeviceSigns& signs) {
  const auto hang = find_hang(queue_);
  if (!hang) {
    clear(now);
    return Advice::done;
  }
  const bool known =
      suspect_ && suspect_->hang == *hang && suspect_->incarnation == signs.incarnation;
  if (!known) {
    suspect(now, signs, *hang);
    // The hops before the doorbell are this side's own: it gets some time to go on by itself.
    if (hang->last < BELLWIRE_RUNG) return Advice::wait;
    return ring(now, signs);
  }
  if (!suspect_->rung || pulse_.absent(now)) return ring(now, signs);
  return conclude(now, pulse_.look(now, signs));
}

void DriverWatch::suspect(Clock::time_point now, const DeviceSigns& signs, const Hang& hang) {
  // A device that was killed and came back finds the same request: its age is the same, too.
  const bool same = suspect_ && suspect_->hang.generation == hang.generation &&
                    suspect_->hang.request == hang.request;
  suspect_ =
      Suspect{hang, same ? suspect_->since : now - std::chrono::seconds(1), signs.incarnation};
  pulse_.begin(now, signs);
}

DriverWatch::Advice DriverWatch::ring(Clock::time_point now, const DeviceSigns& signs) noexcept {
  suspect_->rung = true;
  pulse_.begin(now, signs);
  return Advice::ring;
}

DriverWatch::Advice DriverWatch::conclude(Clock::time_point now, Pulse::State state) {
  if (state == Pulse::State::unknown) return Advice::wait;
  tell_state(now, state);
  if (state != Pulse::State::beating) return Advice::done;
  const auto hop = hop_after(suspect_->hang.last);
  if (hop && !on_way_there(suspect_->hang.last)) {
    count(now, *hop);
    suspect_.reset();
  } else if (!std::exchange(stuck_, true)) {
    report_ = describe(suspect_->hang, now - suspect_->since);
  }
  return Advice::done;
}

void DriverWatch::tell_state(Clock::time_point now, Pulse::State state) {
  const auto before = std::exchange(state_, state);
  if (before == state || !suspect_) return;
  const auto age = now - suspect_->since;
  if (state == Pulse::State::paused)
    report_ = describe(suspect_->hang, age, "the device is paused");
  else if (state == Pulse::State::gone)
    report_ = describe(suspect_->hang, age, "the device is gone");
  else if (before == Pulse::State::paused)
    report_ = describe(suspect_->hang, age, "the device was paused, and goes on");
  else if (before == Pulse::State::gone)
    report_ = describe(suspect_->hang, age, "the device was gone, and is back");
  if (state == Pulse::State::beating && before != Pulse::State::unknown)
    suspect_->since = now;  // from here on it may be held against the device
}

// What became of the suspicion, now that the wait was not in vain.
bool DriverWatch::settle(Clock::time_point now, const DeviceSigns& signs) {
  const auto& [hang, since, incarnation, rung] = *suspect_;
  const auto completed = load(queue_.control->complete.completed, acquire);
  if (completed == hang.request) return true;  // called for something else
  const auto left = missing(signs);
  const bool restarted = std::exchange(incarnation_, signs.incarnation) != signs.incarnation;
  if (restarted) missing_ = left;  // what it had taken when it died, it could not count
  const bool interrupted =
      restarted || state_ == Pulse::State::paused || state_ == Pulse::State::gone;
  if (!interrupted && hang.last == BELLWIRE_RUNG && left > missing_) {
    if (pulse_.look(now, signs) != Pulse::State::beating) return false;
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
  tell_state(now, Pulse::State::beating);
  stuck_ = false;
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
  if (state_ == Pulse::State::gone)
    return describe(suspect_->hang, now - suspect_->since,
                    "the device is gone; start it again on the host");
  if (stuck_) return describe(suspect_->hang, now - suspect_->since);
  return std::nullopt;
}

}  // namespace bellwire::ring
