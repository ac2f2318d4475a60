// SPDX-License-Identifier: BSD-3-Clause
//
// Scenarios: defects that were met in other projects, rebuilt at bellwire's wires from their public
// descriptions. Each is played on the product's code as it is, and with the defect: a stand-in at a
// wire that does what the defective peer did. One thread calls; the back-end has its own.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "host/scenario/run_log.hpp"
#include "host/scenario/watch.hpp"

namespace bellwire::host {

struct Scenario {
  std::string_view name;
  std::string_view shows;    ///< in the list
  std::string_view met;      ///< the project and the issue
  std::string_view defect;   ///< what it is
  std::string_view rule;     ///< which rule of docs/semantics.md it breaks
  std::string_view avoided;  ///< how
  bellwire_stage last;       ///< with the defect: the last stage of the request that stands still
  /// Plays it; empty: all requests were done.
  std::optional<Finding> (*play)(RunLog& run_log, bool defect);
};

[[nodiscard]] std::span<const Scenario> scenarios() noexcept;

/// What came of a run.
struct Played {
  const Scenario* scenario;
  bool defect;
  RunLog run_log;
  std::optional<Finding> finding;

  /// Survived as it is; with the defect stood still at the hop that the scenario names.
  [[nodiscard]] bool as_promised() const noexcept {
    return defect ? finding && finding->last == scenario->last : !finding;
  }
};

/// EMFILE, ENOMEM and the like: it could not be played.
[[nodiscard]] Result<Played> play(const Scenario& scenario, bool defect);

// What they play, a file each in scenarios/.
std::optional<Finding> play_pause(RunLog& run_log, bool defect);
std::optional<Finding> play_early_kick(RunLog& run_log, bool defect);
std::optional<Finding> play_restart(RunLog& run_log, bool defect);
std::optional<Finding> play_inflight(RunLog& run_log, bool defect);
std::optional<Finding> play_halted(RunLog& run_log, bool defect);
std::optional<Finding> play_masked(RunLog& run_log, bool defect);
std::optional<Finding> play_resample(RunLog& run_log, bool defect);

}  // namespace bellwire::host
