// SPDX-License-Identifier: BSD-3-Clause
//
// What a benchmark came to: as a table for people, as JSON, and as a verdict.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "host/bench/benchmark.hpp"
#include "host/bench/environment.hpp"

namespace bellwire::bench {

void print(const Environment& environment, const Benchmark& benchmark);

/// {suite, machine: {accelerator, cpu, kernel, guest_runs_on, device_runs_on}, rounds, columns:
/// {FIGURE: heading}, rows: [{name, p50_ns, p99_ns, times, bare, series, at, EVENT…}], ratios:
/// [{name, value, spread: [low, high], limit, ok}]}. `bare` is null, or as a row without name, bare
/// and series (which is there where rows do the same with another number of something, which is
/// `at`); each EVENT that was counted is a number per time; `spread` has the quartiles; `limit` and
/// `ok` are null where there is no limit. Ratios are those of Benchmark::all_ratios(). Suites that
/// run in VMs have the same shape (scripts/harness/bench/suite.py).
[[nodiscard]] boost::json::value to_json(std::string_view suite, const Environment& environment,
                                         const Benchmark& benchmark);

/// A line for each limit that is missed.
[[nodiscard]] std::vector<std::string> missed_limits(const Benchmark& benchmark);

}  // namespace bellwire::bench
