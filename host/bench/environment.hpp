// SPDX-License-Identifier: BSD-3-Clause
//
// Environment: the machine that figures are measured on, and the CPUs that are used: the guest's
// thread and the device's have one each, if there are two.
#pragma once

#include <string>

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

}  // namespace bellwire::bench
