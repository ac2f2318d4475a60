// SPDX-License-Identifier: BSD-3-Clause
//
// The strategies: every order within a budget, orders by chance, and one given order.
#include <algorithm>
#include <array>
#include <random>
#include <set>

#include "vdev/explore/execution.hpp"

namespace bellwire::explore {
namespace {

// Depth first: the next run differs in the last choice that has an option left.
class Every final : public Strategy {
 public:
  explicit Every(unsigned budget) : budget_(budget) {}

  Option choose(std::uint32_t, std::span<const Option> options, bool costs) override {
    if (options.size() == 1 || (costs && spent_ == budget_)) {
      cut_ |= options.size() > 1;
      return options.front();
    }
    if (next_ == decisions_.size())
      decisions_.push_back({0, static_cast<std::uint8_t>(options.size())});
    const auto taken = decisions_[next_++].taken;
    spent_ += costs && taken > 0 ? 1 : 0;
    return options[taken];
  }

  /// False: there was no other one.
  bool next() {
    while (!decisions_.empty() && decisions_.back().taken + 1 == decisions_.back().options)
      decisions_.pop_back();
    spent_ = 0;
    next_ = 0;
    if (decisions_.empty()) return false;
    ++decisions_.back().taken;
    return true;
  }

  /// Whether a larger budget leaves more to try.
  [[nodiscard]] bool cut() const noexcept { return cut_; }

 private:
  struct Decision {
    std::uint8_t taken, options;
  };
  const unsigned budget_;
  unsigned spent_ = 0;
  bool cut_ = false;
  std::size_t next_ = 0;
  std::vector<Decision> decisions_;
};

class ByChance final : public Strategy {
 public:
  ByChance(std::mt19937_64& random, unsigned changes, std::uint32_t steps) : random_(random) {
    std::ranges::generate(priorities_, [&] { return changes + 1 + random() % 1000; });
    for (unsigned change = 0; change < changes; ++change)
      changes_.insert(static_cast<std::uint32_t>(random() % steps));
  }

  Option choose(std::uint32_t step, std::span<const Option> options, bool costs) override {
    if (options.back() == is_late) return options[costs && random_() % most_late == 0 ? 1 : 0];
    const auto first = std::ranges::max(options, {}, [&](Option o) { return priorities_.at(o); });
    if (changes_.erase(step) == 0) return first;
    priorities_.at(first) = changes_.size();
    return std::ranges::max(options, {}, [&](Option o) { return priorities_.at(o); });
  }

 private:
  static constexpr unsigned most_late = 8;  // a store in so many is seen late
  std::mt19937_64& random_;
  std::array<std::uint64_t, most_actors> priorities_{};
  std::set<std::uint32_t> changes_;
};

class Given final : public Strategy {
 public:
  explicit Given(const Schedule& schedule) : schedule_(schedule) {}

  Option choose(std::uint32_t step, std::span<const Option> options, bool) override {
    if (next_ == schedule_.size() || schedule_[next_].step != step) return options.front();
    const auto found = std::ranges::find(options, schedule_[next_].option);
    if (found == options.end()) return options.front();
    ++next_;
    return *found;
  }

  /// The first choice that the run didn't have; empty: it had all.
  [[nodiscard]] std::optional<Choice> left() const {
    return next_ == schedule_.size() ? std::nullopt : std::optional(schedule_[next_]);
  }

 private:
  const Schedule& schedule_;
  std::size_t next_ = 0;
};

using Clock = std::chrono::steady_clock;

// Runs once, and counts. False: it has failed.
bool run_once(Scene& scene, Strategy& strategy, Outcome& outcome, Schedule* schedule = nullptr) {
  Execution execution(scene, strategy, false);
  execution.run();
  ++outcome.runs;
  outcome.steps = std::max(outcome.steps, execution.steps());
  if (schedule != nullptr) *schedule = std::move(execution.schedule());
  return execution.why().empty();
}

// A run of a given order, noted step by step.
struct Noted {
  std::uint32_t steps = 0;
  std::optional<Failure> failure{};
  std::vector<StoryLine> story{};
  std::optional<Choice> left{};  // what the run had no occasion for
};

Noted run_again(Scene& scene, const Schedule& schedule) {
  Given given(schedule);
  Execution execution(scene, given, true);
  execution.run();
  Noted noted{
      .steps = execution.steps(), .story = std::move(execution.story()), .left = given.left()};
  if (!execution.why().empty())
    noted.failure = Failure{std::move(execution.schedule()), execution.why()};
  return noted;
}

void keep(Noted&& noted, Outcome& outcome) {
  outcome.failure = std::move(noted.failure);
  outcome.story = std::move(noted.story);
}

// Leaves out each choice without which it still fails.
Schedule shortened(Scene& scene, Schedule schedule) {
  for (std::size_t at = schedule.size(); at-- > 0;) {
    auto shorter = schedule;
    shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(at));
    if (auto failure = run_again(scene, shorter).failure;
        failure && failure->schedule.size() < schedule.size()) {
      schedule = std::move(failure->schedule);
      at = std::min(at, schedule.size());
    }
  }
  return schedule;
}

bool over(const Outcome& outcome, const Limits& limits, Clock::time_point end) {
  return outcome.runs >= limits.runs || Clock::now() >= end;
}

// False: there is no need for a larger budget, or no more time.
bool explore_within(Scene& scene, unsigned budget, Outcome& outcome, const Limits& limits,
                    Clock::time_point end) {
  Every every(budget);
  Schedule schedule;
  do {
    if (over(outcome, limits, end)) return false;
    if (!run_once(scene, every, outcome, &schedule)) {
      keep(run_again(scene, schedule), outcome);
      return false;
    }
  } while (every.next());
  outcome.exhausted = budget == limits.budget || !every.cut();
  return every.cut();
}

}  // namespace

std::vector<std::string> actors(Scene& scene) {
  std::vector<std::string> names;
  for (const auto& actor : scene.begin()) names.push_back(actor.name);
  return names;
}

Outcome explore(Scene& scene, const Limits& limits) {
  Outcome outcome;
  const auto end = Clock::now() + limits.time;
  for (unsigned budget = 0; budget <= limits.budget; ++budget)
    if (!explore_within(scene, budget, outcome, limits, end)) break;
  return outcome;
}

Outcome explore_by_chance(Scene& scene, std::uint64_t seed, unsigned changes,
                          const Limits& limits) {
  Outcome outcome;
  outcome.steps = 1;
  std::mt19937_64 random(seed);
  const auto end = Clock::now() + limits.time;
  for (Schedule schedule; !over(outcome, limits, end);) {
    ByChance chance(random, changes, outcome.steps);
    if (run_once(scene, chance, outcome, &schedule)) continue;
    keep(run_again(scene, shortened(scene, schedule)), outcome);
    break;
  }
  return outcome;
}

Result<Outcome> replay(Scene& scene, const Schedule& schedule) {
  auto noted = run_again(scene, schedule);
  if (noted.left && !noted.failure)
    return fault(std::errc::invalid_argument,
                 "there is no such choice at step {}: the schedule is of another scene or build",
                 noted.left->step);
  Outcome outcome{.runs = 1, .steps = noted.steps};
  keep(std::move(noted), outcome);
  return outcome;
}

}  // namespace bellwire::explore
