// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire scenario`: plays defects that were met elsewhere.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "host/cli/options.hpp"
#include "host/cli/subcommands.hpp"
#include "host/scenario/report.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::host {
namespace {

struct Options {
  std::string name;
  bool defect = false;
  bool json = false;
};

Result<void> list(bool json) {
  std::cout << (json ? scenario_list_json() : scenario_list());
  return {};
}

Result<void> run_one(const Options& options) {
  const auto& scenario = *std::ranges::find(scenarios(), options.name, &Scenario::name);
  std::vector<Played> runs;
  for (const bool defect : {false, true}) {
    if (options.defect && !defect) continue;
    auto played = play(scenario, defect);
    if (!played) return played.error();
    runs.push_back(std::move(*played));
  }
  std::cout << (options.json ? as_json(runs) : as_text(runs));
  if (std::ranges::all_of(runs, &Played::as_promised)) return {};
  return fault(std::errc::io_error, "scenario '{}' did not go as it promises", options.name);
}

std::string refuse_name(const std::string& word) {
  if (std::ranges::find(scenarios(), word, &Scenario::name) != scenarios().end()) return {};
  std::string names;
  for (const auto& scenario : scenarios())
    names += (names.empty() ? "" : ", ") + std::string(scenario.name);
  return text("there is no scenario '{}': choose of {}", escaped(word), names);
}

void add_run(CLI::App& command, Run& run) {
  auto options = std::make_shared<Options>();
  command.add_option("NAME", options->name, "The scenario, as the list names it")
      ->required()
      ->check(refuse_name)
      ->type_name("");
  command.add_flag("--defect", options->defect, "Only with the defect, not as it is");
  add_json(command, options->json,
           "{scenario, shows, met, last, runs: [{defect, as_promised, finding, log}]}");
  command.callback([&run, options] { run = [options] { return run_one(*options); }; });
}

void add_list(CLI::App& command, Run& run) {
  auto json = std::make_shared<bool>(false);
  add_json(command, *json, "[{scenario, shows, met, last}]");
  command.callback([&run, json] { run = [json] { return list(*json); }; });
}

}  // namespace

void add_scenario(CLI::App& app, Run& run) {
  auto* command =
      app.add_subcommand("scenario", "Play defects that were met elsewhere: as it is, and broken");
  command->require_subcommand(1);
  command->footer(R"(
Each scenario runs in this process, on the code of devices, transports and machines, without a VM.
As it is, it survives. With the defect, which a stand-in at a wire has, a request stands still, and
the watchdog names the hop.

Exit status: 0 each run went as promised; 1 one did not, or output could not be written; 2 wrong
usage.)");
  add_list(*command->add_subcommand("list", "List the scenarios, and where each was met"), run);
  add_run(*command->add_subcommand("run", "Play one: as it is, then with the defect"), run);
}

}  // namespace bellwire::host
