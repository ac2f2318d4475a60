// SPDX-License-Identifier: BSD-3-Clause
//
// The CPU that a thread runs on, and how long a tick of its clock is.
#pragma once

#include <sched.h>
#include <x86intrin.h>

#include <chrono>
#include <cstdint>

#include "vdev/os/result.hpp"

namespace bellwire::os {

/// From now on the calling thread runs on that CPU alone. EINVAL: the machine has no such CPU, or
/// this process may not use it.
[[nodiscard]] inline Result<void> pin_thread(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0)
    return system_fault("cannot use CPU {} (taskset -cp $$ lists the CPUs that are allowed)", cpu);
  return {};
}

/// Measures the length of a TSC tick. A guest's TSC is the host's with an offset, so its ticks are
/// as long.
class Ticks {
 public:
  /// Nanoseconds per tick, over the time since the object was made: the longer, the more exact.
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
