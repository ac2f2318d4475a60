// SPDX-License-Identifier: BSD-3-Clause
//
// PollTime: how long a side polls for work before it sleeps. Polling pays off when work arrives
// sooner than a sleep and a wake-up take. So the time follows the gaps between pieces of work: it
// doubles with each gap that longer polling would have bridged, halves with each that even the
// longest would not have, and falls to zero, so that an idle side sleeps. One thread at a time.
//
// guest-kmod/module/poll_time.h is the same rule in C, for the kernel; a test holds the two
// together.
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
  /// A shorter time becomes 0, unless the maximum is shorter still.
  static constexpr Duration least = std::chrono::microseconds(10);
  static constexpr Duration usual_most = std::chrono::microseconds(200);

  /// `most`: the longest time of adaptive polling.
  explicit PollTime(Polling polling, Duration most = usual_most) noexcept
      : adapts_(polling == Polling::adaptive),
        most_(most),
        time_(polling == Polling::always ? Duration::max() : Duration::zero()) {}

  /// How long to poll, from the moment that no work was left.
  [[nodiscard]] Duration time() const noexcept { return time_; }

  /// The current time if it is needed; without polling, the clock need not be read.
  [[nodiscard]] Clock::time_point now() const noexcept {
    return adapts_ || time_ > Duration::zero() ? Clock::now() : Clock::time_point();
  }

  /// Work arrived `gap` after none had been left, whether by polling or after a sleep.
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

/// Between two polls: leaves the core to its other hardware thread for a moment.
inline void pause_polling() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace bellwire
