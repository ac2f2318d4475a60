// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/cpu.hpp"

#include <sched.h>

namespace bellwire::os {

Result<void> pin_thread(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0)
    return system_fault("cannot use CPU {} (taskset -cp $$ lists those that we may)", cpu);
  return {};
}

}  // namespace bellwire::os
