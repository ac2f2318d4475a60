// SPDX-License-Identifier: BSD-3-Clause
//
// bell: the guest's tool. It plays the driver's process: opens /dev/bellwireN, hands down its
// eventfds, rings the device on the host, and checks what comes back. Here is its command line;
// what a subcommand does stands in the file that is named for it.
#include <CLI/CLI.hpp>
#include <functional>

#include "guest-kmod/bell/break.hpp"
#include "guest-kmod/bell/compare/compare.hpp"
#include "guest-kmod/bell/edu.hpp"
#include "guest-kmod/bell/info.hpp"
#include "guest-kmod/bell/output.hpp"
#include "guest-kmod/bell/print.hpp"
#include "guest-kmod/bell/ring.hpp"

namespace {

using bell::RingOptions;

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

// What the chosen subcommand runs: whether all was well.
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
  command->footer(
      "\nOf the choices several can be named (read,poll or all): every combination runs.");
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
  add_choice<bell::Wait>(command, "--wait", options->waits, "How the process waits to be called");
  add_choice<bellwire::Polling>(command, "--poll", options->polls,
                                "How it looks for completions before it waits: not at all, as long "
                                "as that pays, or without an end");
  add_choice<bell::Kick>(command, "--kick", options->kicks,
                         "How it kicks: the note's ioctl, the eventfd, or directly");
  add_choice<bellwire_worker>(command, "--worker", options->workers,
                              "How the module waits for the kick");
  add_choice<bell::Load>(command, "--device", options->devices, "Which device to ring");
  command
      ->add_option("--until-restarts", options->traffic.until_restarts,
                   "Instead of --count: until the device was restarted so often")
      ->type_name("N");
  command
      ->add_option("--steps", options->steps,
                   "Instead of --count: tell that many rings step by step, guest and host")
      ->type_name("N");
  command
      ->add_option("--drop", options->drop,
                   "Lose on purpose what belongs to the Nth kick, to see who notices: the kick "
                   "itself, the module's call, or the process's waking by it")
      ->delimiter('=')
      ->check(CLI::IsMember(bell::names<bell::Hop>()).application_index(0))
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 32).application_index(1))
      ->type_name("HOP=N");
  command->add_flag("--trace", options->traffic.trace,
                    "Take the module's timestamps: the figures then have the hop from doorbell to "
                    "interrupt, at depth 1");
  command->add_flag("--ktap", options->ktap, "Print KTAP with the figures, for a harness");
  command->callback([&run, options] { run = [options] { return bell::run_ring(*options); }; });
}

void add_info(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand("info", "Show the device files and who is behind them");
  command->callback([&run] { run = bell::run_info; });
}

void add_break(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand(
      "break", "Break a queue on purpose, see that only it breaks, and reset it (KTAP)");
  command->callback([&run] { run = bell::run_break; });
}

void add_edu(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand(
      "edu", "Drive an edu from here: registers, interrupts, DMA, all checked (KTAP)");
  command->footer("\nFor root, with a huge page: echo 1 > /proc/sys/vm/nr_hugepages");
  auto options = std::make_shared<bell::EduOptions>();
  command->add_option("--dma", options->dma, "How much to move, both ways together [16M]")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE");
  command->add_flag("--qemus", options->qemus, "It is QEMU's own edu, which can a little less");
  command->callback([&run, options] { run = [options] { return bell::run_edu(*options); }; });
}

void add_compare(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand(
      "compare", "Measure every way to notify, beside each other, and the note's claims");
  auto options = std::make_shared<bell::CompareOptions>();
  command->add_option("--json", options->json, "Write all figures there")->type_name("FILE");
  command->add_option("--only", options->only, "Mechanisms and directions whose names have it")
      ->type_name("TEXT");
  command
      ->add_option("--count", options->count,
                   "Notifications of each: half of them one at a time, half in a burst")
      ->check(CLI::Range(8U, 30'000U))
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--apart", options->apart,
                    "Receivers that sleep on another CPU than senders, too");
  command->callback([&run, options] { run = [options] { return bell::run_compare(*options); }; });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("bell: ring a bellwire device on the host, and check what it answers.");
  app.footer("\nExit status: 0 all was well; 1 something was not; 2 wrong usage.");
  app.require_subcommand(1);
  Run run;
  add_info(app, run);
  add_ring(app, run);
  add_break(app, run);
  add_edu(app, run);
  add_compare(app, run);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return std::string("bell: ") + error.what() + " (bell --help tells more)\n";
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
