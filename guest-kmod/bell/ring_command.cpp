// SPDX-License-Identifier: BSD-3-Clause
#include <CLI/CLI.hpp>

#include "guest-kmod/bell/commands.hpp"
#include "guest-kmod/bell/report.hpp"
#include "guest-kmod/bell/steps.hpp"

namespace bell {
namespace {

struct RingOptions {
  TrafficOptions traffic;
  std::vector<std::string> devices{"echo"};
  std::vector<std::string> workers{"callback"};
  std::vector<std::string> kicks{"eventfd"};
  std::vector<std::string> waits{"poll"};
  std::vector<std::uint32_t> depths{1};
  bool ktap = false;
  bool steps = false;
};

// Every combination of what was chosen.
std::vector<TrafficOptions> combinations(const RingOptions& options) {
  std::vector<TrafficOptions> runs;
  TrafficOptions one = options.traffic;
  for (const auto device : chosen<Load>(options.devices))
    for (const auto depth : options.depths)
      for (const auto worker : chosen<bellwire_worker>(options.workers))
        for (const auto kick : chosen<Kick>(options.kicks))
          for (const auto wait : chosen<Wait>(options.waits)) {
            one.session = {device, worker, kick, wait, false};
            one.depth = depth;
            runs.push_back(one);
          }
  return runs;
}

int run_ring(const RingOptions& options) {
  const auto runs = combinations(options);
  if (options.steps) {
    const auto told = tell_steps(runs.front().session, options.traffic.count);
    return told ? 0 : fail(told.error());
  }
  const auto report = options.ktap ? make_ktap() : make_table();
  report->plan(runs.size());
  for (const auto& one : runs) report->run(one, run_traffic(one));
  return report->good() ? 0 : exit_failure;
}

template <class Value>
void add_choice(CLI::App* command, const char* option, std::vector<std::string>& into,
                const char* text) {
  command->add_option(option, into, text)
      ->delimiter(',')
      ->check(CLI::IsMember(names<Value>()))
      ->capture_default_str();
}

}  // namespace

void add_ring(CLI::App& app, std::function<int()>& run) {
  auto* command = app.add_subcommand("ring", "Ring a device, and check every completion");
  command->footer("\nOf the choices several can be named (read,poll or all): every combination runs.");
  auto options = std::make_shared<RingOptions>();
  command->add_option("--count", options->traffic.count, "Requests a run")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 32))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--depth", options->depths, "Requests under way at most")
      ->delimiter(',')
      ->check(CLI::Range(1U, static_cast<unsigned>(BELLWIRE_MAX_RING_ENTRIES)))
      ->type_name("D")
      ->capture_default_str();
  command->add_option("--payload", options->traffic.payload, "Bytes that a request carries")
      ->check(CLI::Range(1U, 1U << 24))
      ->type_name("BYTES")
      ->capture_default_str();
  add_choice<Wait>(command, "--wait", options->waits, "How the process waits to be called");
  add_choice<Kick>(command, "--kick", options->kicks,
                   "How it kicks: the note's ioctl, the eventfd, or directly");
  add_choice<bellwire_worker>(command, "--worker", options->workers,
                              "How the module waits for the kick");
  add_choice<Load>(command, "--device", options->devices, "Which device to ring");
  command->add_option("--until-restarts", options->traffic.until_restarts,
                      "Instead of --count: until the device was restarted so often")
      ->type_name("N");
  command->add_flag("--steps", options->steps, "Tell each ring step by step, guest and host");
  command->add_flag("--ktap", options->ktap, "Print KTAP with the figures, for a harness");
  command->callback([&run, options] { run = [options] { return run_ring(*options); }; });
}

}  // namespace bell
