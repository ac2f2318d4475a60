// SPDX-License-Identifier: BSD-3-Clause
//
// What a whole round costs: the ring guest's request, its doorbell, the echo device's answer, its
// interrupt; beside bare C (bare_round_trip.h) with the same guest.
#pragma once

#include "host/bench/machine.hpp"
#include "host/bench/race.hpp"

namespace bellwire::bench {

[[nodiscard]] Result<void> enter_round_trips(Race& race, const Machine& machine);

}  // namespace bellwire::bench
