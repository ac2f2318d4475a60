// SPDX-License-Identifier: BSD-3-Clause
//
// What an interrupt costs the device that raises it, by the ways that KVM has to inject it. The
// guest takes each before the next.
#pragma once

#include "host/bench/race.hpp"

namespace bellwire::bench {

[[nodiscard]] Result<void> enter_interrupts(Race& race, double ns_per_tick);

}  // namespace bellwire::bench
