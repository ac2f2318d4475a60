// SPDX-License-Identifier: BSD-3-Clause
//
// In place of vdev/faults/process.cpp: what faults do to the device's process happens to the one of
// the world that runs.
#include "vdev/faults/tally.hpp"
#include "vdev/simulate/world.hpp"

namespace bellwire {

using simulate::World;

void stall_thread(FaultRule::Duration time, int) noexcept {
  World::current()->running()->pause(time);
}

// Its caller goes on, and nothing of what it does counts.
void crash_process(const FaultTally&) {
  World::current()->running()->die_here();
}

}  // namespace bellwire
