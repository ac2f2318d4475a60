// SPDX-License-Identifier: BSD-3-Clause
//
// The explorer: runs a scene in every order of its actors' steps that matters, each run from the
// start. So an order that fails can be run again, as text.
//
// Two things cost one of the `budget` of a run: an actor is interrupted between two steps although
// it could go on, and a store is seen late: after what its actor does next, until that stores in
// order, changes a word, rings, locks or waits. So do x86 and, within these bounds, the memory of
// C++. Runs of a smaller budget come first, so a failure is found with as few of these as it takes.
//
// Runs at most one exploration at a time in a process. Source: iterative context bounding, and
// probabilistic concurrency testing (docs/explore.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vdev/explore/scene.hpp"
#include "vdev/explore/schedule.hpp"

namespace bellwire::explore {

/// What an actor did at a step of a run.
struct StoryLine {
  std::uint32_t step;
  Option actor;
  std::string what;
};

struct Failure {
  Schedule schedule;
  std::string why;
};

struct Limits {
  unsigned budget = 3;
  std::uint64_t runs = 5'000'000;
  std::chrono::milliseconds time = std::chrono::seconds(60);
};

struct Outcome {
  std::uint64_t runs = 0;
  std::uint32_t steps = 0;  ///< of the longest run
  bool exhausted = false;   ///< there is no other order within the budget
  std::optional<Failure> failure{};
  std::vector<StoryLine> story{};  ///< of the failure, or of the order that replay() was given
};

[[nodiscard]] std::vector<std::string> actors(Scene& scene);

/// All orders within the budget, until one fails.
[[nodiscard]] Outcome explore(Scene& scene, const Limits& limits);

/// Orders by chance, which reach further than the budget: each actor has a priority, one of them
/// loses its own at `changes` steps. The failure found is made shorter.
[[nodiscard]] Outcome explore_by_chance(Scene& scene, std::uint64_t seed, unsigned changes,
                                        const Limits& limits);

/// That order. EINVAL: the scene has no such choice.
[[nodiscard]] Result<Outcome> replay(Scene& scene, const Schedule& schedule);

}  // namespace bellwire::explore
