// SPDX-License-Identifier: BSD-3-Clause
//
// Meter: what this process costs the system, all its threads together: system calls, context
// switches (those that it asked for, by sleeping) and allocations. System calls are told only
// where the kernel lets this user count them (raw_syscalls:sys_enter, by perf_event_open).
#pragma once

#include <vector>

#include "host/bench/counts.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bellwire::bench {

class Meter {
 public:
  /// Of the threads that there are now, and those that they start. While one lives, each system
  /// call on this machine takes a little longer.
  Meter();

  /// So far, without what reading takes.
  [[nodiscard]] Counts read();

 private:
  [[nodiscard]] std::uint64_t calls() const;

  std::vector<os::UniqueFd> counters_;  // one a thread; empty: not allowed
  std::uint64_t own_ = 0;               // calls that one reading makes
  std::uint64_t readings_ = 0;
};

}  // namespace bellwire::bench
