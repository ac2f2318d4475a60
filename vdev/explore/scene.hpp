// SPDX-License-Identifier: BSD-3-Clause
//
// Scene: what is explored. A few actors, each a function that runs code of the product, and a
// verdict on each of their runs. The explorer (explorer.hpp) makes coroutines of them on one
// thread, and decides before each step who goes on.
//
// A step is an atomic access that is not relaxed, a ring or a drain of an eventfd, a lock, and what
// a scene says is one. Nothing else may depend on what is random, such as the time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace bellwire::explore {

struct Actor {
  std::string name;  ///< one word
  std::function<void()> run;
};

class Scene {
 public:
  virtual ~Scene() = default;

  /// Makes everything as it is at the start of a run. The actors are the same in each run.
  virtual std::vector<Actor> begin() = 0;

  /// What is wrong after all actors have ended; empty: nothing.
  [[nodiscard]] virtual std::string verdict() = 0;

  /// What a word of the shared memory is called; empty: it has no name.
  [[nodiscard]] virtual std::string name_of(const void* place) const = 0;
};

// For actors.

/// A step, which the story calls `what`.
void step(const char* what);

/// Waits for something that another actor does; if none does it, the run has failed.
void wait(const char* for_what, const std::function<bool()>& until);

/// Lets the next actor that can go on do so, if there is one.
void let_others_go_first();

/// How often this eventfd was rung since it was drained. Eventfds are counts of the run while it
/// lasts.
[[nodiscard]] std::uint64_t rings(int fd);
/// A step: takes that count, for an end of a wire that is no EventFd of its own.
std::uint64_t take_rings(int fd);

/// The run has failed: for a promise that is broken before its end.
void fail_run(const std::string& why);

}  // namespace bellwire::explore
