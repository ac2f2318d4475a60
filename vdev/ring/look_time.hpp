// SPDX-License-Identifier: BSD-3-Clause
//
// LookTime: how long to wait for a signal before looking whether it is missing: a little longer
// than a round trip takes, as RFC 6298 estimates it, and twice as long after each look at which
// nothing had changed. A round trip that takes much longer than those before counts as four times
// what was waited for: so one that was as long as a pause is soon forgotten. The same rule as
// guest-kmod/module/look_time.h. One thread.
#pragma once

#include <algorithm>
#include <chrono>

#include "guest-kmod/uapi/bellwire.h"

namespace bellwire::ring {

class LookTime {
 public:
  using Duration = std::chrono::nanoseconds;
  static constexpr std::chrono::milliseconds least{BELLWIRE_LOOK_LEAST_MS};
  static constexpr std::chrono::milliseconds first{BELLWIRE_LOOK_FIRST_MS};
  static constexpr std::chrono::milliseconds most{BELLWIRE_LOOK_MOST_MS};

  /// A round trip whose signals were none of them replaced.
  void measured(Duration time) noexcept {
    looks_ = 0;
    time = std::min<Duration>(time, most_growth * once());
    const auto error = time - mean_;
    if (mean_ == Duration::zero()) {
      mean_ = std::max(time, Duration(1));
      variation_ = time / 2;
      return;
    }
    variation_ += (std::chrono::abs(error) - variation_) / 4;
    mean_ = std::max(mean_ + error / 8, Duration(1));
  }

  /// A look. `changed`: something, since the last one.
  void looked(bool changed) noexcept { looks_ = changed ? 0 : std::min(looks_ + 1, 10U); }

  /// From now to the next look.
  [[nodiscard]] Duration time() const noexcept {
    return std::min<Duration>(once() * (1U << looks_), most);
  }

 private:
  static constexpr int most_growth = 4;  // times what was waited for, of a round trip

  [[nodiscard]] Duration once() const noexcept {
    const bool known = mean_ > Duration::zero();
    return known ? std::clamp<Duration>(mean_ + 4 * variation_, least, most) : first;
  }

  Duration mean_{};  // smoothed; 0: nothing was measured
  Duration variation_{};
  unsigned looks_ = 0;  // in vain
};

}  // namespace bellwire::ring
