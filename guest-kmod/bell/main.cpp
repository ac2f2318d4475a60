// SPDX-License-Identifier: BSD-3-Clause
//
// bell: the guest's tool. It plays the driver's process: it opens /dev/bellwireN, gives the module
// its eventfds, rings the device on the host, and checks the answers. This file has the command
// line; a subcommand is in the file that has its name.
#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <memory>

#include "guest-kmod/bell/commands.hpp"
#include "guest-kmod/bell/output.hpp"
#include "vdev/steps/pace.hpp"

namespace {

using bell::RingOptions;

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

// Runs the chosen subcommand. Returns whether all was well.
using Run = std::function<bell::Result<bool>()>;

template <class Value>
void add_choice(CLI::App* command, const char* option, std::vector<std::string>& into,
                const char* text) {
  auto known = bell::names<Value>();
  known.insert(known.begin(), "all");
  command->add_option(option, into, text)
      ->delimiter(',')
      ->check(CLI::IsMember(std::move(known)))
      ->capture_default_str();
}

void add_ring(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand("ring", "Ring a device, and check every completion");
  command->footer("\nEach choice can be a list (read,poll) or all: every combination is run.");
  auto options = std::make_shared<RingOptions>();
  command->add_option("--count", options->traffic.count, "Requests per run")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 32))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--depth", options->depths, "Most requests under way at a time")
      ->delimiter(',')
      ->check(CLI::Range(1U, static_cast<unsigned>(BELLWIRE_MAX_RING_ENTRIES)))
      ->type_name("D")
      ->capture_default_str();
  command->add_option("--payload", options->traffic.payload, "Bytes per request")
      ->check(CLI::Range(1U, 1U << 24))
      ->type_name("BYTES")
      ->capture_default_str();
  add_choice<bell::Wait>(command, "--wait", options->waits,
                         "How the process waits for the call eventfd");
  add_choice<bellwire::Polling>(command, "--poll", options->polls,
                                "Whether it polls for completions before it waits: never, for as "
                                "long as that pays, or forever");
  add_choice<bell::Kick>(command, "--kick", options->kicks,
                         "How it kicks: by the note's ioctl, the eventfd, or the module directly");
  add_choice<bellwire_worker>(command, "--worker", options->workers,
                              "How the module waits for the kick");
  command
      ->add_option("--device", options->devices,
                   "Device to ring, by the name that it gave itself; the answers of echo, digest "
                   "and delay (all) are checked, those of others counted")
      ->delimiter(',')
      ->check(CLI::Validator(bell::refuse_device_name, "", ""))
      ->type_name("NAME")
      ->capture_default_str();
  command
      ->add_option("--until-restarts", options->traffic.until_restarts,
                   "Instead of --count: run until the device has restarted N times")
      ->type_name("N");
  command
      ->add_option("--steps", options->steps,
                   "Instead of --count: print N rings step by step, guest and host")
      ->type_name("N");
  auto* const step =
      command
          ->add_flag("--step{keys}", options->slow.by,
                     "Instead of --count: one ring in slow motion. Before each hop of the process "
                     "and the module it shows where the ring is, and goes on at a key; with "
                     "--step=lines, at commands on standard input, for a harness")
          ->check(CLI::IsMember({"keys", "lines"}));
  command
      ->add_option_function<std::string>(
          "--every",
          [options](const std::string& word) {
            const auto every = bellwire::steps::parse_every(word);
            if (!every) throw CLI::ValidationError("--every", every.error().message);
            options->slow.every = *every;
          },
          "With --step: wait this long at each stop, such as 1s; needs no key")
      ->type_name("TIME")
      ->needs(step);
  command
      ->add_option(
          "--drop", options->drop,
          "Lose a hop of the Nth kick on purpose, to see it reported: the kick, "
          "the module's call, or the process's wake-up. Kicks count from 1, requests from 0")
      ->delimiter('=')
      ->check(CLI::IsMember(bell::names<bell::LostHop>()).application_index(0))
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 32).application_index(1))
      ->type_name("HOP=N");
  command
      ->add_option("--recover", options->recover,
                   "Whether the module looks for doorbells and interrupts that did not come, and "
                   "replaces them; if not, what is lost is reported as a hang")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, bool>{{"on", true}, {"off", false}}))
      ->type_name("on|off")
      ->default_str("on");
  command->add_flag("--trace", options->traffic.trace,
                    "Record timestamps: the KTAP figures then include the time of a kick and, at "
                    "depth 1, from doorbell to interrupt");
  command->add_flag("--ktap", options->ktap, "Print KTAP with figures, for a harness");
  for (const auto* const other : {"--count", "--depth", "--payload", "--until-restarts", "--steps",
                                  "--drop", "--ktap", "--trace", "--poll"})
    step->excludes(command->get_option(other));
  command->callback([&run, options] { run = [options] { return bell::run_ring(*options); }; });
}

void add_info(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand("info", "List the device files and the devices behind them");
  command->callback([&run] { run = bell::run_info; });
}

void add_break(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand(
      "break", "Break a queue on purpose, check that no other breaks, and reset it (KTAP)");
  command->callback([&run] { run = bell::run_break; });
}

void add_edu(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand(
      "edu", "Drive an edu from user space and check its registers, interrupts and DMA (KTAP)");
  command->footer("\nNeeds root and a huge page: echo 1 > /proc/sys/vm/nr_hugepages");
  auto options = std::make_shared<bell::EduOptions>();
  command->add_option("--dma", options->dma, "Bytes to move, both ways together [16M]")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE");
  command->add_flag("--qemus", options->qemus,
                    "The device is QEMU's own edu, which can do a little less");
  command->callback([&run, options] { run = [options] { return bell::run_edu(*options); }; });
}

void add_virtio(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand(
      "virtio", "Drive an echo or a digest on a virtqueue from user space, and check it (KTAP)");
  command->footer("\nNeeds root and a huge page: echo 1 > /proc/sys/vm/nr_hugepages");
  auto options = std::make_shared<bell::VirtioOptions>();
  command->add_option("--count", options->count, "Requests")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 32))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--id", options->id,
                   "The device's virtio ID: behind a front-end of vhost-user, what that says")
      ->check(CLI::Range(1, 63))
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--split", options->split, "Use a split ring, even if packed ones are offered");
  command->callback([&run, options] { run = [options] { return bell::run_virtio(*options); }; });
}

void add_compare(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand(
      "compare", "Measure every way to notify, side by side, and judge the note's claims");
  auto options = std::make_shared<bell::CompareOptions>();
  command->add_option("--json", options->json, "Write all results to FILE")->type_name("FILE");
  command
      ->add_option("--only", options->only,
                   "Only mechanisms and directions with TEXT in their names")
      ->type_name("TEXT");
  command
      ->add_option("--count", options->count,
                   "Notifications per mechanism: half one at a time, half in a burst")
      ->check(CLI::Range(8U, 30'000U))
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--apart", options->apart,
                    "Run receivers that sleep on another CPU than the sender, too");
  command->callback([&run, options] { run = [options] { return bell::run_compare(*options); }; });
}

// A word that is no subcommand is not missing: it is named, with those that there are.
std::string reason_of(const CLI::App& app, const CLI::Error& error) {
  const auto unknown = app.remaining(true);
  if (unknown.empty()) return error.what();
  if (!app.get_subcommands().empty() || unknown.front().starts_with('-'))
    return "unknown argument '" + unknown.front() + "'";
  std::string names;
  for (const auto* subcommand : app.get_subcommands([](const CLI::App*) { return true; }))
    names += (names.empty() ? "" : ", ") + subcommand->get_name();
  return "unknown subcommand '" + unknown.front() + "'; there are: " + names;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("bell: ring a bellwire device on the host and check its answers.");
  app.footer("\nExit status: 0 success; 1 something failed; 2 wrong usage.");
  app.require_subcommand(1);
  Run run;
  add_info(app, run);
  add_ring(app, run);
  add_break(app, run);
  add_edu(app, run);
  add_virtio(app, run);
  add_compare(app, run);
  app.failure_message([](const CLI::App* parsed, const CLI::Error& error) {
    return "bell: " + reason_of(*parsed, error) + " (see bell --help)\n";
  });
  if (auto ready = bell::occupy_standard_descriptors(); !ready) {
    bell::complain("{}", ready.error().message);
    return exit_failure;
  }
  int status = 0;
  try {
    app.parse(argc, argv);
    const auto well = run();
    if (!well) bell::complain("{}", well.error().message);
    status = well && *well ? 0 : exit_failure;
  } catch (const CLI::ParseError& error) {
    status = app.exit(error) == 0 ? 0 : exit_usage;
  }
  if (auto written = bell::finish_output(); !written) {
    bell::complain("{}", written.error().message);
    return exit_failure;
  }
  return status;
}
