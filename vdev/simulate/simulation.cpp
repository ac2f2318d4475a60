// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/simulate/simulation.hpp"

#include <algorithm>

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

std::string failure_of(const Pairs& pairs) {
  for (const auto& pair : pairs)
    if (!pair->failure().empty()) return pair->failure();
  for (const auto& pair : pairs)
    if (!pair->done()) return "nothing happens any more; " + pair->waiting();
  return {};
}

}  // namespace

Result<Outcome> simulate(const Choice& choice, std::size_t notes) {
  World world(choice.seed);
  world.keep_notes(notes);
  const auto began = world.now();
  const auto pairs = start_pairs(choice, world);
  if (!pairs) return pairs.error();
  world.run([&] {
    return std::ranges::any_of(*pairs, [](const auto& pair) { return !pair->failure().empty(); });
  });
  Outcome outcome{.time = world.now() - began,
                  .digest = world.digest(),
                  .failure = failure_of(*pairs),
                  .notes = {world.notes().begin(), world.notes().end()}};
  for (const auto& pair : *pairs) {
    outcome.pairs.push_back({pair->setup(), pair->counts(), pair->tally().report()});
    outcome.counts += pair->counts();
  }
  return outcome;
}

}  // namespace bellwire::simulate
