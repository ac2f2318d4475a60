// SPDX-License-Identifier: BSD-3-Clause
//
// What a simulation found, as text and as JSON. Any thread.
#pragma once

#include <chrono>
#include <string>

#include "vdev/simulate/simulation.hpp"

namespace bellwire::host {

struct Simulated {
  simulate::Choice choice;
  simulate::Outcome outcome;
  std::chrono::duration<double> took{};  ///< on the system's clock
  std::string again;                     ///< the command that repeats it
};

/// Without the times, it is the same for each run of the same build.
[[nodiscard]] std::string as_text(const Simulated& simulated);
[[nodiscard]] std::string as_json(const Simulated& simulated);

}  // namespace bellwire::host
