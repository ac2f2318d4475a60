// SPDX-License-Identifier: BSD-3-Clause
//
// What a doorbell costs the guest that rings it, by the ways that KVM has to take it.
#pragma once

#include "host/bench/race.hpp"

namespace bellwire::bench {

[[nodiscard]] Result<void> enter_doorbells(Race& race, double ns_per_tick);

}  // namespace bellwire::bench
