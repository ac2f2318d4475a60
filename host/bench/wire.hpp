// SPDX-License-Identifier: BSD-3-Clause
//
// What the wires cost where there is nothing else: an echo device and its driver in one process,
// with plain eventfds between them; beside bare C (bare_pair.h) that moves entries of the same
// size, checks nothing, and sleeps or spins as they do. Polling is adaptive; where nothing is said
// of the CPUs, driver and device have one each. A device shows completions in batches: the ring is
// held against one that shows each entry at once, as a plain ring does, and against one in batches.
#pragma once

#include "host/bench/machine.hpp"
#include "host/bench/race.hpp"

namespace bellwire::bench {

/// Counts doorbells and interrupts itself; its limits want the rest metered.
[[nodiscard]] Result<void> enter_wire(Race& race, const Machine& machine);

/// In one process, without any machine.
[[nodiscard]] std::string plain_eventfds();

}  // namespace bellwire::bench
