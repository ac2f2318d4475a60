// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/simulate/simulation.hpp"

#include <algorithm>
#include <utility>

namespace bellwire::simulate {
namespace {

using Pairs = std::vector<std::unique_ptr<Pair>>;

Result<Pairs> start_pairs(const Choice& choice, World& world) {
  const auto setups = set_up(choice, world.random());
  Pairs pairs;
  for (unsigned number = 0; number < setups.size(); ++number) {
    const auto share =
        choice.requests / setups.size() + (number < choice.requests % setups.size() ? 1 : 0);
    auto pair = Pair::start(world, setups[number], number, share);
    if (!pair) return pair.error();
    pairs.push_back(std::move(*pair));
  }
  return pairs;
}

// A generation takes a few seconds, whatever happens to it.
class Progress {
 public:
  static constexpr std::uint64_t most_steps = 20'000'000;

  bool stands_still(const Pairs& pairs, const World& world) {
    std::uint64_t generations = 0;
    for (const auto& pair : pairs) generations += pair->counts().generations;
    if (std::exchange(generations_, generations) != generations) {
      since_ = world.now();
      steps_ = world.steps();
    }
    return world.now() - since_ > longest || world.steps() - steps_ > most_steps;
  }

 private:
  static constexpr std::chrono::minutes longest{10};
  std::uint64_t generations_ = 0;
  Time since_{};  // then the last one ended
  std::uint64_t steps_ = 0;
};

std::string failure_of(const Pairs& pairs) {
  for (const auto& pair : pairs)
    if (!pair->failure().empty()) return pair->failure();
  for (const auto& pair : pairs)
    if (!pair->done()) return "nothing happens any more; " + pair->waiting();
  return {};
}

// Of a run that failed: what its processes have must not stay on their stacks.
void end(const Pairs& pairs, World& world) {
  for (const auto& pair : pairs) pair->end();
  const auto before = world.steps();
  world.run([&] { return world.steps() - before > Progress::most_steps; });
}

}  // namespace

Result<Outcome> simulate(const Choice& choice, std::size_t notes) {
  World world(choice.seed);
  world.keep_notes(notes);
  const auto began = world.now();
  const auto pairs = start_pairs(choice, world);
  if (!pairs) return pairs.error();
  Progress progress;
  world.run([&] {
    return progress.stands_still(*pairs, world) ||
           std::ranges::any_of(*pairs, [](const auto& pair) { return !pair->failure().empty(); });
  });
  Outcome outcome{.time = world.now() - began,
                  .digest = world.digest(),
                  .failure = failure_of(*pairs),
                  .notes = {world.notes().begin(), world.notes().end()}};
  for (const auto& pair : *pairs) {
    outcome.pairs.push_back({pair->setup(), pair->counts(), pair->tally().report()});
    outcome.counts += pair->counts();
  }
  end(*pairs, world);
  return outcome;
}

}  // namespace bellwire::simulate
