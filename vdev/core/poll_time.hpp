// SPDX-License-Identifier: BSD-3-Clause
//
// PollTime: how long a side looks for work before it sleeps. Looking pays when work comes sooner
// than a sleep and a wake-up take; so the time follows the gaps between work: it doubles with each
// gap that a longer look would have bridged, halves with each that the longest would not have, and
// ends at nothing: who is idle sleeps.
#pragma once

#include <algorithm>
#include <chrono>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bellwire {

enum class Polling { off, adaptive, always };

class PollTime {
 public:
  using Clock = std::chrono::steady_clock;
  using Duration = std::chrono::nanoseconds;
  /// Anything less is nothing, unless it is all that there may be.
  static constexpr Duration least = std::chrono::microseconds(10);
  static constexpr Duration usual_most = std::chrono::microseconds(200);

  /// `most`: that adaptive polling takes.
  explicit PollTime(Polling polling, Duration most = usual_most) noexcept
      : adapts_(polling == Polling::adaptive),
        most_(most),
        time_(polling == Polling::always ? Duration::max() : Duration::zero()) {}

  /// To look for, from the moment that there was no work left.
  [[nodiscard]] Duration time() const noexcept { return time_; }

  /// The time, if it matters; who never adapts needn't look at the clock.
  [[nodiscard]] Clock::time_point now() const noexcept {
    return adapts_ || time_ > Duration::zero() ? Clock::now() : Clock::time_point();
  }

  /// Work came `gap` after there had been none left, whether it was looked for or slept for.
  void work_came(Duration gap) noexcept {
    if (!adapts_ || gap <= time_) return;
    const auto smallest = std::min(least, most_);
    time_ = gap <= most_ ? std::clamp(2 * time_, smallest, most_) : time_ / 2;
    if (time_ < smallest) time_ = Duration::zero();
  }

 private:
  bool adapts_;
  Duration most_;
  Duration time_;
};

/// Between two looks: leaves the core to its other thread for a moment.
inline void pause_polling() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace bellwire
