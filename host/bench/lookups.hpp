// SPDX-License-Identifier: BSD-3-Clause
//
// What a doorbell on the model (vdev/machine/model) costs among more and more of them; beside bare
// C, a write of its eventfd: the least that it can cost. To ring the same again and again shows the
// lookup; to ring each in turn adds what the CPU's caches lose.
#pragma once

#include "host/bench/machine.hpp"
#include "host/bench/race.hpp"

namespace bellwire::bench {

[[nodiscard]] Result<void> enter_lookups(Race& race, const Machine& machine);

}  // namespace bellwire::bench
