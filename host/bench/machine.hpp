// SPDX-License-Identifier: BSD-3-Clause
//
// What the figures were measured on, and where: the guest's thread and the device's have a CPU
// each, if there are two.
#pragma once

#include <string>

namespace bellwire::bench {

struct Machine {
  std::string accelerator;
  std::string cpu;
  std::string kernel;
  int guest_cpu = -1;      ///< -1: anywhere
  int device_cpu = -1;     ///< likewise
  double ns_per_tick = 0;  ///< of the TSC
};

/// KVM, and the module that makes it run on this CPU.
[[nodiscard]] std::string kvm_accelerator();

/// Looks for some milliseconds, to see how long a tick is.
[[nodiscard]] Machine describe_machine(std::string accelerator);

/// The calling thread runs only there from now on; anywhere if `cpu` is -1.
void pin_thread(int cpu) noexcept;

}  // namespace bellwire::bench
