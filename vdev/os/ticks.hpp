// SPDX-License-Identifier: BSD-3-Clause
//
// Ticks: how long a tick of the TSC is. A guest's clock is the host's, moved: a tick is as long.
#pragma once

#include <x86intrin.h>

#include <chrono>
#include <cstdint>

namespace bellwire::os {

class Ticks {
 public:
  /// Over the time since the object was made: the longer, the more exact.
  [[nodiscard]] double ns_each() const {
    const std::chrono::duration<double, std::nano> time = clock::now() - time_;
    return time.count() / static_cast<double>(__rdtsc() - ticks_);
  }

 private:
  using clock = std::chrono::steady_clock;
  clock::time_point time_ = clock::now();
  std::uint64_t ticks_ = __rdtsc();
};

}  // namespace bellwire::os
