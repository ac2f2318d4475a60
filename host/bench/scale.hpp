// SPDX-License-Identifier: BSD-3-Clause
//
// What a round trip costs with more and more of everything else: doorbells of a device, slots of a
// switchboard, drivers at work. Without polling; devices are on one thread.
#pragma once

#include "host/bench/machine.hpp"
#include "host/bench/race.hpp"

namespace bellwire::bench {

/// A device with 1 to 2,048 doorbells, of which each in turn is rung, and answered.
[[nodiscard]] Result<void> enter_more_doorbells(Race& race, const Machine& machine);
/// A switchboard with 1 to 64 slots, guest and device on each, of which one works.
[[nodiscard]] Result<void> enter_more_slots(Race& race, const Machine& machine);
/// 1 to 8 drivers that work at once, each with a device of its own.
[[nodiscard]] Result<void> enter_more_drivers(Race& race, const Machine& machine);

}  // namespace bellwire::bench
