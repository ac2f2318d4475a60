// SPDX-License-Identifier: BSD-3-Clause
//
// The suites of bellwire-bench, each in a file of its own. A suite creates what is to be measured,
// and adds it to a Benchmark.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "host/bench/benchmark.hpp"
#include "host/bench/machine.hpp"

namespace bellwire::bench {

using AddCases = Result<void> (*)(Benchmark& benchmark, const Environment& environment);

struct Suite {
  const char* name;
  const char* summary;
  std::string (*accelerator)();
  std::span<const AddCases> parts;
  bool metered = false;  ///< what it costs the system is counted as well
  const char* baseline = "bare C";
};

[[nodiscard]] std::span<const Suite> suites();

// The parts of the suites.

/// wire.cpp. Counts doorbells and interrupts itself; its limits need the rest metered.
[[nodiscard]] Result<void> add_wire(Benchmark& benchmark, const Environment& environment);

[[nodiscard]] Result<void> add_doorbells(Benchmark& benchmark, const Environment& environment);
[[nodiscard]] Result<void> add_interrupts(Benchmark& benchmark, const Environment& environment);
[[nodiscard]] Result<void> add_round_trips(Benchmark& benchmark, const Environment& environment);

/// A device with 1 to 2,048 doorbells, of which one or each in turn is rung, and answered.
[[nodiscard]] Result<void> add_more_doorbells(Benchmark& benchmark, const Environment& environment);
/// A switchboard with 1 to 64 slots, guest and device on each, of which one works.
[[nodiscard]] Result<void> add_more_slots(Benchmark& benchmark, const Environment& environment);
/// 1 to 8 drivers that work at once, each with its own device.
[[nodiscard]] Result<void> add_more_drivers(Benchmark& benchmark, const Environment& environment);

[[nodiscard]] Result<void> add_lookups(Benchmark& benchmark, const Environment& environment);

/// Echo and digest of 64 bytes to 1 MiB, both sides of the ring on one thread.
[[nodiscard]] Result<void> add_payloads(Benchmark& benchmark, const Environment& environment);

/// A disk over vhost-user, beside qemu-storage-daemon (vhost/). Its limits need the rest metered.
[[nodiscard]] Result<void> add_vhost(Benchmark& benchmark, const Environment& environment);

struct Options {
  unsigned rounds = 20;
  std::string skip;                 ///< leaves out rows with this in their name; empty: none
  std::optional<std::string> json;  ///< a file to write
  bool check = false;               ///< whether a missed limit is an error
};

/// Measures, and prints a report. ERANGE: a limit is missed, and that was to be checked.
[[nodiscard]] Result<void> run(const Suite& suite, const Options& options);

}  // namespace bellwire::bench
