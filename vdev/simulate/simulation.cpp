// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/simulate/simulation.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "vdev/os/fd.hpp"

namespace bellwire::simulate {
namespace {

// What is simulated. The pairs go first.
struct Stage {
  std::unique_ptr<Board> board;  // null: there is none
  std::vector<std::unique_ptr<Pair>> pairs;
  bool finished = false;

  // With a switchboard, all leave when all are done, and it ends when all have left.
  void pair_changed() {
    const auto done = [](const auto& pair) { return pair->done(); };
    const auto left = [](const auto& pair) { return pair->left(); };
    if (!std::exchange(finished, std::ranges::all_of(pairs, done)) && finished)
      for (const auto& pair : pairs) pair->finish();
    if (std::ranges::all_of(pairs, left)) board->end();
  }
};

constexpr std::uint64_t least_memory = std::uint64_t{64} << 10;  // of a switchboard's slot
constexpr unsigned fds_per_vector = 24;  // at the switchboard, with both sides, and on their way

Result<Board::Options> board_options(const Choice& choice, const std::vector<PairSetup>& pairs) {
  Board::Options options{.slots = static_cast<unsigned>(pairs.size()),
                         .vectors = std::ranges::max(pairs, {}, &PairSetup::queues).queues,
                         .entries = pairs.front().entries,
                         .operator_on = choice.operator_on};
  const auto depth = std::ranges::max(pairs, {}, &PairSetup::depth).depth;
  const auto size = ring::memory_size(options.vectors, options.entries, payload(depth));
  if (!size) return size.error();
  options.memory = std::max(least_memory, std::bit_ceil(*size));
  const auto fds = options.slots * 2 * options.vectors * fds_per_vector + 1024;
  if (auto enough = os::ensure_fds(fds); !enough) return enough.error();
  return options;
}

Result<std::unique_ptr<Stage>> start(const Choice& choice, World& world) {
  const auto setup = set_up(choice, world.random());
  auto stage = std::make_unique<Stage>();
  auto& pairs = stage->pairs;
  if (setup.switchboard) {
    const auto options = board_options(choice, setup.pairs);
    if (!options) return options.error();
    stage->board = std::make_unique<Board>(world, *options, [&pairs] {
      for (const auto& pair : pairs) pair->move();
    });
    stage->board->start_processes();
  }
  const auto count = setup.pairs.size();
  for (unsigned number = 0; number < count; ++number) {
    const auto share = choice.requests / count + (number < choice.requests % count ? 1 : 0);
    auto pair = Pair::start(world, setup.pairs[number], number, share, stage->board.get(),
                            [on = stage.get()] { on->pair_changed(); });
    if (!pair) return pair.error();
    pairs.push_back(std::move(*pair));
  }
  return stage;
}

// A generation takes a few seconds, whatever happens to it.
class Progress {
 public:
  static constexpr std::uint64_t most_steps = 20'000'000;

  bool stands_still(const Stage& stage, const World& world) {
    std::uint64_t generations = 0;
    for (const auto& pair : stage.pairs) generations += pair->counts().generations;
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

bool failed(const Stage& stage) {
  return (stage.board && !stage.board->failure().empty()) ||
         std::ranges::any_of(stage.pairs,
                             [](const auto& pair) { return !pair->failure().empty(); });
}

std::string failure_of(const Stage& stage) {
  for (const auto& pair : stage.pairs)
    if (!pair->failure().empty()) return pair->failure();
  if (stage.board && !stage.board->failure().empty()) return stage.board->failure();
  for (const auto& pair : stage.pairs)
    if (!pair->done() || !pair->left()) return "nothing happens any more; " + pair->waiting();
  if (stage.board && !stage.board->ended()) return stage.board->waiting();
  return {};
}

// Of a run that failed: what its processes have must not stay on their stacks.
void end(const Stage& stage, World& world) {
  for (const auto& pair : stage.pairs) pair->end();
  const auto before = world.steps();
  world.run([&] { return world.steps() - before > Progress::most_steps; });
}

}  // namespace

Result<Outcome> simulate(const Choice& choice, std::size_t notes) {
  World world(choice.seed);
  world.keep_notes(notes);
  const auto began = world.now();
  auto started = start(choice, world);
  if (!started) return started.error();
  auto& stage = **started;
  Progress progress;
  world.run([&] { return progress.stands_still(stage, world) || failed(stage); });
  Outcome outcome{.pairs = {},
                  .counts = {},
                  .switchboard = {},
                  .time = world.now() - began,
                  .digest = world.digest(),
                  .failure = failure_of(stage),
                  .notes = {world.notes().begin(), world.notes().end()}};
  for (const auto& pair : stage.pairs) {
    outcome.pairs.push_back({pair->setup(), pair->counts(), pair->tally().report()});
    outcome.counts += pair->counts();
  }
  if (stage.board) outcome.switchboard = stage.board->counts();
  end(stage, world);
  started->reset();
  if (const auto left = world.files().open_of_all(); left > 0 && outcome.failure.empty())
    outcome.failure = text("{} descriptors were never closed", left);
  return outcome;
}

}  // namespace bellwire::simulate
