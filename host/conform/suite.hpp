// SPDX-License-Identifier: BSD-3-Clause
//
// The suite: tries statements on a back-end, one after the other, each on connections of its own.
// Whatever the back-end does, each statement gets a verdict, and the suite comes to its end. One
// thread.
#pragma once

#include <functional>
#include <vector>

#include "host/conform/trial.hpp"

namespace bellwire::host::conform {

/// What a run has found.
struct Findings {
  Probe probe;
  std::string trouble;  ///< why the back-end could not be asked what it is; empty: it could
  std::vector<Verdict> verdicts;

  [[nodiscard]] unsigned count(Outcome outcome) const noexcept;
};

/// Tries `chosen`, in order, and reports each verdict as it comes. Stops early, with what it has,
/// once the patience's `stop` is readable and `interrupted` says that this ends the run.
[[nodiscard]] Findings run_suite(const Settings& settings, BackEnd& back_end,
                                 std::span<const Statement* const> chosen,
                                 const std::function<bool()>& interrupted,
                                 const std::function<void(const Verdict&)>& report);

}  // namespace bellwire::host::conform
