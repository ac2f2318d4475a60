// SPDX-License-Identifier: BSD-3-Clause
//
// bellwire-simulate: devices, guests and faults on a clock of their own. `bellwire simulate` starts
// it.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>

#include "host/cli/command_line.hpp"
#include "host/cli/help.hpp"
#include "host/cli/options.hpp"
#include "host/simulate/report.hpp"

namespace bellwire::host {
namespace {

constexpr ProgramInfo simulate_program = {
    .name = "bellwire simulate",
    .summary = "Run devices, guests and faults on a clock of its own, from a seed",
    .footer = R"(
What runs is the code of devices, drivers and the switchboard, on one thread; only the clock, eventfds,
sockets, timers and processes are the simulation's. The seed chooses what is not given: devices,
queues, depths, a plan of faults, whether there is a switchboard, who is killed, frozen and reset, and
who goes on first at each moment. The same seed and build give the same run: its digest is over each
step.

A run that fails prints what happened last, and the line that repeats it.

Exit status: 0 each request was answered once; 1 one was not, or output could not be written;
2 wrong usage.)"};

struct Options {
  simulate::Choice choice;
  std::string faults;
  std::size_t notes = 60;
  bool json = false;
};

// The same words again.
std::string command_of(const Options& options) {
  const auto& choice = options.choice;
  std::string words =
      text("bellwire simulate --seed {} --requests {}", choice.seed, choice.requests);
  if (choice.pairs) words += text(" --devices {}", *choice.pairs);
  if (choice.device) words += text(" --device {}", *choice.device);
  if (choice.queues) words += text(" --queues {}", *choice.queues);
  if (choice.depth) words += text(" --depth {}", *choice.depth);
  if (choice.faults) words += text(" --fault '{}'", options.faults);
  if (choice.switchboard) words += *choice.switchboard ? " --switchboard" : " --no-switchboard";
  if (!choice.operator_on) words += " --no-operator";
  if (!choice.recover) words += " --recover off";
  return words;
}

Result<std::optional<FaultPlan>> plan_of(const std::string& words) {
  if (words.empty()) return std::optional<FaultPlan>();
  if (words == "none") return std::optional(FaultPlan{});
  auto plan = FaultPlan::parse(words);
  if (!plan) return Error{plan.error().code, "--fault: " + plan.error().message};
  if (plan->empty())
    return fault(std::errc::invalid_argument,
                 "--fault: there is a seed, and no rule: add one such as drop interrupt 1/1000");
  return std::optional(std::move(*plan));
}

// What happens is noted only for a run that fails: that one is run again.
Result<void> run(Options options) {
  const auto plan = plan_of(options.faults);
  if (!plan) return plan.error();
  options.choice.faults = *plan;
  const auto began = std::chrono::steady_clock::now();
  auto outcome = simulate::simulate(options.choice);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (outcome && !outcome->failure.empty() && options.notes > 0)
    outcome = simulate::simulate(options.choice, options.notes);
  if (!outcome) return outcome.error();
  const Simulated simulated{options.choice, std::move(*outcome), took, command_of(options)};
  std::cout << (options.json ? as_json(simulated) : as_text(simulated));
  if (simulated.outcome.failure.empty()) return {};
  return fault(std::errc::io_error, "seed {}: {}", options.choice.seed, simulated.outcome.failure);
}

void add_what(CLI::App& app, simulate::Choice& choice) {
  app.add_option("--seed", choice.seed, "The same seed, the same run")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--requests", choice.requests, "Over all queues")
      ->check(between(1, 1'000'000'000))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--devices", choice.pairs, "Each with a guest of its own (default: by chance)")
      ->check(between(1, int{simulate::most_pairs}))
      ->type_name("N");
  app.add_option("--device", choice.device, "What all of them are (default: by chance)")
      ->check(CLI::IsMember(simulate::device_names()))
      ->type_name("NAME");
  app.add_option("--queues", choice.queues, "Of each device (default: by chance)")
      ->check(between(1, BELLWIRE_MAX_QUEUES))
      ->type_name("N");
  app.add_option("--depth", choice.depth, "Requests in flight on a queue (default: by chance)")
      ->check(between(1, 1024))
      ->type_name("N");
}

void add_options(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<Options>();
  add_what(app, options->choice);
  app.add_option("--fault", options->faults,
                 "A plan for all devices, as docs/faults.md says, or none (default: by chance)")
      ->type_name("PLAN");
  app.add_flag_function(
      "--switchboard,!--no-switchboard",
      [options](std::int64_t wanted) { options->choice.switchboard = wanted > 0; },
      "Devices and guests meet at one (default: by chance)");
  app.add_flag("!--no-operator", options->choice.operator_on,
               "Nobody is killed, frozen or reset, but by the plan");
  app.add_option("--recover", options->choice.recover, "Whether drivers look for what did not come")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, bool>{{"on", true}, {"off", false}}))
      ->type_name("on|off")
      ->default_str("on");
  app.add_option("--notes", options->notes, "Lines to print of what happened before a failure")
      ->check(between(0, 1'000'000))
      ->type_name("N")
      ->capture_default_str();
  add_json(
      app, options->json,
      "{seed, devices: [{setup, counts, faults}], counts, switchboard, simulated_seconds, seconds, "
      "digest, failure: {why, again, notes}}");
  app.callback([&chosen, options] { chosen = [options] { return run(*options); }; });
}

}  // namespace
}  // namespace bellwire::host

int main(int argc, char** argv) {
  using namespace bellwire::host;
  return run_command(simulate_program, add_options, argc, argv);
}
