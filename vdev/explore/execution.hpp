// SPDX-License-Identifier: BSD-3-Clause
//
// Execution: one run of a scene. Its actors are coroutines; a Strategy chooses at each step who
// goes on. The hooks (hooks.cpp) lead the product's atomic accesses, eventfds and locks here.
#pragma once

#include <ucontext.h>

#include <array>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "vdev/explore/explorer.hpp"

namespace bellwire::explore {

constexpr std::size_t most_actors = 4;

class Strategy {
 public:
  virtual ~Strategy() = default;
  /// Returns one of the options; the first is the usual one. `costs`: all others cost.
  virtual Option choose(std::uint32_t step, std::span<const Option> options, bool costs) = 0;
};

/// A word of up to eight bytes that an actor has stored and the others don't see yet.
struct LateStore {
  void* place;
  std::uint64_t value;
  std::size_t size;
};

class Execution {
 public:
  Execution(Scene& scene, Strategy& strategy, bool noting);
  ~Execution();
  Execution(const Execution&) = delete;

  /// The run of which the calling coroutine is an actor; null outside of one.
  [[nodiscard]] static Execution* current() noexcept;

  void run();
  [[nodiscard]] std::uint32_t steps() const noexcept { return step_; }
  /// Empty: all is right.
  [[nodiscard]] const std::string& why() const noexcept { return why_; }
  [[nodiscard]] Schedule& schedule() noexcept { return schedule_; }
  [[nodiscard]] std::vector<StoryLine>& story() noexcept { return story_; }

  // For the hooks, on an actor's coroutine.
  [[nodiscard]] Option running() const noexcept { return running_; }
  void step();
  void yield();
  void let_others_go_first();
  void wait(const char* for_what, const std::function<bool()>& until);
  /// For a store that others may see late.
  void store(void* place, std::uint64_t value, std::size_t size, bool in_order);
  /// Others see from now on what the actor has stored.
  void flush() noexcept;
  /// What the actor sees there of its own stores.
  [[nodiscard]] const LateStore* own_store(const void* place) const noexcept;
  [[nodiscard]] std::uint64_t& rings(int fd);
  std::uint64_t take_rings(int fd);
  void fail(const std::string& why);
  void note(const char* verb, const void* place, std::uint64_t value);
  void note(const std::string& what);

 private:
  enum class State { ready, waiting, ended };
  struct Coroutine {
    Actor actor;
    State state = State::ready;
    const char* for_what = "";
    const std::function<bool()>* until = nullptr;
    std::deque<LateStore> late;
    ucontext_t context;
  };

  void prepare(unsigned number);
  static void enter(unsigned number) noexcept;
  [[nodiscard]] bool can_run(Option actor) const;
  [[nodiscard]] std::span<const Option> others();
  Option choose(std::span<const Option> options, bool costs);
  void go_on_with(Option actor);
  void leave();
  void count_step();
  [[nodiscard]] std::string who_waits() const;

  Scene& scene_;
  Strategy& strategy_;
  const bool noting_;
  std::vector<std::unique_ptr<Coroutine>> actors_;
  std::array<Option, most_actors + 1> options_{};
  Option running_ = 0;
  std::uint32_t step_ = 0;
  unsigned spins_ = 0;
  std::vector<std::pair<int, std::uint64_t>> rings_;  // by descriptor
  std::string why_;
  Schedule schedule_;
  std::vector<StoryLine> story_;
  ucontext_t outside_{};
};

}  // namespace bellwire::explore
