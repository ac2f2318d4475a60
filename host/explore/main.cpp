// SPDX-License-Identifier: BSD-3-Clause
//
// bellwire-explore: runs both sides of a queue in every order that matters. `bellwire explore`
// starts it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "host/cli/command_line.hpp"
#include "host/cli/help.hpp"
#include "host/cli/options.hpp"
#include "host/explore/report.hpp"
#include "vdev/log/log.hpp"

namespace bellwire::host {
namespace {

constexpr ProgramInfo explore_program = {
    .name = "bellwire explore",
    .summary = "Run both sides of a queue in every order of their steps, within a budget",
    .footer = R"(
What runs is the code of devices and drivers, compiled with a call before each access to what they
share. An actor that is interrupted, and a store that others see late, cost one of the budget. With
--chance, orders are chosen at random instead, which reach further.

A failure is printed step by step, with the schedule that runs it again (--schedule). So is an order
that --schedule runs, whether it fails or not.

Exit status: 0 all promises hold; 1 one is broken, or output could not be written; 2 wrong usage.)"};

struct Options {
  std::vector<std::string> scenes;
  explore::Limits limits{.budget = 2};
  double seconds = 60;
  bool chance = false;
  std::uint64_t seed = 1;
  unsigned changes = 3;
  std::string schedule;
  std::optional<std::string> perfetto;
  bool json = false;
  bool list = false;
};

const explore::SceneEntry& find(const std::string& name) {
  return *std::ranges::find(explore::scenes(), name, &explore::SceneEntry::name);
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& scene : explore::scenes()) all.emplace_back(scene.name);
  return all;
}

Result<Explored> run_scene(const explore::SceneEntry& entry, const Options& options) {
  Explored explored{.entry = &entry, .scene = entry.make()};
  auto& scene = *explored.scene;
  const auto began = std::chrono::steady_clock::now();
  if (!options.schedule.empty()) {
    const auto schedule = explore::parse(options.schedule, explore::actors(scene));
    if (!schedule) return Error{schedule.error().code, "--schedule: " + schedule.error().message};
    auto outcome = explore::replay(scene, *schedule);
    if (!outcome) return Error{outcome.error().code, "--schedule: " + outcome.error().message};
    explored.outcome = std::move(*outcome);
  } else {
    explored.outcome = options.chance ? explore::explore_by_chance(scene, options.seed,
                                                                   options.changes, options.limits)
                                      : explore::explore(scene, options.limits);
  }
  explored.time = std::chrono::steady_clock::now() - began;
  return explored;
}

Result<void> write(std::optional<OutputFile>& trace, const std::vector<Explored>& all) {
  if (!trace) return {};
  if (std::ranges::all_of(all, [](const Explored& each) { return each.outcome.story.empty(); })) {
    log::warning("--perfetto: no order failed, so nothing is drawn; --schedule draws any order");
    return {};
  }
  trace->stream() << as_trace_events(all);
  return trace->commit();
}

Result<void> run(Options options) {
  if (options.list) {
    std::cout << scene_list();
    return {};
  }
  if (options.scenes.empty()) options.scenes = names();
  if (!options.schedule.empty() && options.scenes.size() != 1)
    return fault(std::errc::invalid_argument, "--schedule is of one scene: name it");
  options.limits.time = std::chrono::milliseconds(static_cast<long>(options.seconds * 1000));
  auto trace = create_file(options.perfetto);
  if (!trace) return trace.error();
  std::vector<Explored> all;
  for (const auto& name : options.scenes) {
    auto explored = run_scene(find(name), options);
    if (!explored) return explored.error();
    all.push_back(std::move(*explored));
  }
  std::cout << (options.json ? as_json(all) : as_text(all));
  if (auto written = write(*trace, all); !written) return written.error();
  const auto broken = std::ranges::count_if(
      all, [](const Explored& each) { return each.outcome.failure.has_value(); });
  if (broken > 0) return fault(std::errc::io_error, "{} of {} promises broken", broken, all.size());
  return {};
}

void add_options(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<Options>();
  app.add_option("SCENE", options->scenes, "What to explore (default: all)")
      ->check(CLI::IsMember(names()))
      ->type_name("");
  app.add_flag("--list", options->list, "List the scenes and what each promises");
  app.add_option("--budget", options->limits.budget, "Most interruptions and late stores in a run")
      ->check(between(0, 8))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--time", options->seconds, "Stop after so many seconds for each scene")
      ->check(between(0.1, 86400.0))
      ->type_name("SECONDS")
      ->capture_default_str();
  app.add_option("--runs", options->limits.runs, "Stop after so many runs of each scene")
      ->check(above_zero())
      ->type_name("N");
  app.add_flag("--chance", options->chance, "Choose orders at random");
  app.add_option("--seed", options->seed, "With --chance: the same seed, the same orders")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--changes", options->changes,
                 "With --chance: how often an actor loses its priority in a run")
      ->check(between(0, 100))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--schedule", options->schedule,
                 "Run that order alone, as a failure reports it: '12:device 40:late'; '-' is the "
                 "usual one")
      ->type_name("TEXT");
  add_file(
      app, "--perfetto", options->perfetto,
      "Draw each failure, or the order of --schedule, as Chrome's trace events, which Perfetto "
      "opens; compressed if its name ends in .gz");
  add_json(app, options->json,
           "[{scene, promise, runs, steps, exhausted, seconds, failure: {why, schedule}, story}]");
  app.callback([&chosen, options] { chosen = [options] { return run(*options); }; });
}

}  // namespace
}  // namespace bellwire::host

int main(int argc, char** argv) {
  using namespace bellwire::host;
  return run_command(explore_program, add_options, argc, argv);
}
