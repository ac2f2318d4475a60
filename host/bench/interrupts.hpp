// SPDX-License-Identifier: BSD-3-Clause
//
// What an interrupt costs the device that raises it, by the ways that KVM has to inject it; each
// beside bare C (bare_interrupts.h). The guest takes each before the next.
#pragma once

#include "host/bench/machine.hpp"
#include "host/bench/race.hpp"

namespace bellwire::bench {

[[nodiscard]] Result<void> enter_interrupts(Race& race, const Machine& machine);

}  // namespace bellwire::bench
