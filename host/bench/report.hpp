// SPDX-License-Identifier: BSD-3-Clause
//
// What a race came to: as a table for people, and as JSON.
#pragma once

#include <boost/json/value.hpp>

#include "host/bench/machine.hpp"
#include "host/bench/race.hpp"

namespace bellwire::bench {

void print(const Machine& machine, const Race& race);

/// {machine: {accelerator, cpu, kernel, guest_cpu, device_cpu}, rows: [{name, p50_ns, p99_ns,
/// exits, times, bare}], ratios: [{name, value, spread}]}. `bare` is null, or {p50_ns, p99_ns,
/// exits, times}. Ratios are those of the rows to their bare C, then those to each other.
[[nodiscard]] boost::json::value to_json(const Machine& machine, const Race& race);

}  // namespace bellwire::bench
