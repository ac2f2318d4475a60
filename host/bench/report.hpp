// SPDX-License-Identifier: BSD-3-Clause
//
// What a race came to: as a table for people, as JSON, and as a verdict.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "host/bench/machine.hpp"
#include "host/bench/race.hpp"

namespace bellwire::bench {

void print(const Machine& machine, const Race& race);

/// {suite, machine: {accelerator, cpu, kernel, guest_runs_on, device_runs_on}, rounds, columns:
/// {FIGURE: heading}, rows: [{name, p50_ns, p99_ns, times, bare, series, at, EVENT…}], ratios:
/// [{name, value, spread: [low, high], limit, ok}]}. `bare` is null, or as a row without name, bare
/// and series (which is there where rows do the same with another number of something, which is
/// `at`); each EVENT of counts.hpp that was counted is a number each time; `limit` and `ok` are
/// null where there is no limit. Ratios are those of Race::all_ratios(). Suites that run in VMs
/// have the same shape (scripts/harness/bench/suite.py).
[[nodiscard]] boost::json::value to_json(std::string_view suite, const Machine& machine,
                                         const Race& race);

/// A line for each limit that is missed.
[[nodiscard]] std::vector<std::string> missed_limits(const Race& race);

}  // namespace bellwire::bench
