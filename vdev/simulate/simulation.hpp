// SPDX-License-Identifier: BSD-3-Clause
//
// A simulation: pairs of devices and guests in a world, until all requests are answered or
// something is wrong. The same choice and build give the same run, to the last step.
#pragma once

#include <string>
#include <vector>

#include "vdev/simulate/board.hpp"
#include "vdev/simulate/pair.hpp"
#include "vdev/simulate/setup.hpp"

namespace bellwire::simulate {

struct PairOutcome {
  PairSetup setup;
  Counts counts;
  std::string faults;  ///< what FaultTally::report() says
};

struct Outcome {
  std::vector<PairOutcome> pairs = {};
  Counts counts = {};  ///< of all pairs
  std::optional<BoardCounts> switchboard;
  std::chrono::nanoseconds time;   ///< that passed in the world
  std::uint64_t digest;            ///< of all steps
  std::string failure;             ///< empty: none
  std::vector<std::string> notes;  ///< the last ones of a run that failed
};

/// EINVAL: what was chosen does not fit together. ENOMEM, EMFILE.
[[nodiscard]] Result<Outcome> simulate(const Choice& choice, std::size_t notes = 0);

}  // namespace bellwire::simulate
