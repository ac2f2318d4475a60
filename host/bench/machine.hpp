// SPDX-License-Identifier: BSD-3-Clause
//
// The machine that figures are measured on: Environment describes it, with the CPUs that are used
// (the guest's thread and the device's have one each, if there are two); Meter counts what this
// process, with all its threads, costs the system: system calls, voluntary context switches and
// allocations. System calls are counted only where the kernel lets this user count them
// (raw_syscalls:sys_enter, by perf_event_open).
#pragma once

#include <string>
#include <vector>

#include "host/bench/benchmark.hpp"
#include "vdev/os/fd.hpp"

namespace bellwire::bench {

struct Environment {
  std::string accelerator;
  std::string cpu;
  std::string kernel;
  int guest_cpu = -1;      ///< -1: anywhere
  int device_cpu = -1;     ///< likewise
  double ns_per_tick = 0;  ///< of the TSC
};

/// KVM, and the module that makes it run on this CPU.
[[nodiscard]] std::string kvm_accelerator();

/// Takes some milliseconds, to find out how long a tick is.
[[nodiscard]] Environment describe_environment(std::string accelerator);

/// The calling thread runs only there from now on; anywhere if `cpu` is -1.
void pin_thread(int cpu) noexcept;

class Meter {
 public:
  /// Counts for the threads that there are now, and those that they start. While it lives, each
  /// system call on this machine takes a little longer.
  Meter();

  /// The counts so far, without those of reading.
  [[nodiscard]] Counts read();

 private:
  [[nodiscard]] std::uint64_t calls() const;

  std::vector<os::UniqueFd> counters_;  // one per thread; empty: not allowed
  std::uint64_t own_ = 0;               // calls that one reading makes
  std::uint64_t readings_ = 0;
};

}  // namespace bellwire::bench
