// SPDX-License-Identifier: BSD-3-Clause
//
// Meter: what this process, with all its threads, costs the system: system calls, voluntary context
// switches and allocations. System calls are counted only where the kernel lets this user count
// them (raw_syscalls:sys_enter, by perf_event_open).
#pragma once

#include <vector>

#include "host/bench/benchmark.hpp"
#include "vdev/os/fd.hpp"

namespace bellwire::bench {

class Meter {
 public:
  /// Counts for the threads that there are now, and those that they start. While it lives, each
  /// system call on this machine takes a little longer.
  Meter();

  /// The counts so far, without those of reading.
  [[nodiscard]] Counts read();

 private:
  [[nodiscard]] std::uint64_t calls() const;

  std::vector<os::UniqueFd> counters_;  // one a thread; empty: not allowed
  std::uint64_t own_ = 0;               // calls that one reading makes
  std::uint64_t readings_ = 0;
};

}  // namespace bellwire::bench
