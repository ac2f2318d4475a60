// SPDX-License-Identifier: BSD-3-Clause
//
// What a doorbell costs the guest that rings it, by the ways that KVM has to take it; each beside
// bare C (bare_doorbells.h).
#pragma once

#include "host/bench/machine.hpp"
#include "host/bench/race.hpp"

namespace bellwire::bench {

[[nodiscard]] Result<void> enter_doorbells(Race& race, const Machine& machine);

}  // namespace bellwire::bench
