// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire bench SUITE`: prints a table of what wires cost here.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "host/bench/machine.hpp"
#include "host/bench/race.hpp"

namespace bellwire::bench {

/// Makes what is to be measured, and enters it.
using Enter = Result<void> (*)(Race& race, const Machine& machine);

struct Suite {
  const char* name;
  const char* what;  ///< it measures
  std::string (*accelerator)();
  std::span<const Enter> parts;
  bool metered = false;  ///< what it costs the system is counted as well
};

[[nodiscard]] std::span<const Suite> suites();

struct Options {
  unsigned rounds = 20;
  std::string skip;                 ///< rows with this in their name; empty: none
  std::optional<std::string> json;  ///< a file to write
  bool check = false;               ///< whether the limits are kept
};

/// ERANGE: a limit is missed, and that was to be checked.
[[nodiscard]] Result<void> run(const Suite& suite, const Options& options);

}  // namespace bellwire::bench
