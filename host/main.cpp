// SPDX-License-Identifier: BSD-3-Clause
//
// bellwire: one program, a subcommand a part. Here is its command line; what a subcommand does
// stands in the file that is named for it.
#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>

#include "host/bench/bench.hpp"
#include "host/device/device.hpp"
#include "host/output/standard_output.hpp"
#include "host/rules.hpp"
#include "host/switchboard.hpp"
#include "host/top.hpp"
#include "host/trace/record/record.hpp"
#include "host/trace/view/command.hpp"
#include "vdev/log/log.hpp"

namespace {

using bellwire::Error;
using bellwire::Result;

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

// What the chosen subcommand runs.
using Run = std::function<Result<void>()>;

const char* footer = R"(
Exit status: 0 done, or ended by Ctrl-C or SIGTERM; 1 something failed, or could not be
written; 2 wrong usage.
Nothing is logged but warnings and errors, to standard error; --log-level tells more.

Example, three shells:
  bellwire switchboard --socket /tmp/bell.sock
  bellwire device echo --on ivshmem:/tmp/bell.sock
  qemu-system-x86_64 … -chardev socket,id=bell,path=/tmp/bell.sock \
                       -device ivshmem-doorbell,chardev=bell,vectors=8)";

void add_switchboard(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand(
      "switchboard", "Own the wires: shared memory and eventfds that QEMUs and devices attach to");
  command->footer(
      "\nThe wires outlive whoever uses them: a QEMU or a device may die at any moment and\n"
      "come back to the same memory and eventfds. Each slot joins one QEMU to one device; a\n"
      "QEMU gets the lowest slot that has none, a device says which it wants.");
  auto options = std::make_shared<bellwire::ivshmem::SwitchboardOptions>();
  command->add_option("--socket", options->path, "Path of the socket to serve")
      ->required()
      ->type_name("PATH");
  command
      ->add_option("--vectors", options->vectors,
                   "Doorbells and interrupts each way, and queues in the memory (1 to 32)")
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--memory", options->memory,
                   "Shared memory of a slot: a power of two, 64K to 1G [4M]")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE");
  command->add_option("--slots", options->slots, "How many QEMU-and-device pairs (1 to 1024)")
      ->type_name("N")
      ->capture_default_str();
  command->callback(
      [&run, options] { run = [options] { return bellwire::host::run_switchboard(*options); }; });
}

void add_facts(CLI::App* command, std::vector<std::string>& facts) {
  command
      ->add_option("--fact", facts,
                   "What a trace is to say of the machine: accelerator, qemu or guest_kernel")
      ->type_name("NAME=TEXT");
}

void add_device(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand("device", "Run a device on a transport");
  command->footer(bellwire::host::describe_devices_and_transports());
  auto options = std::make_shared<bellwire::host::DeviceOptions>();
  auto poll = std::make_shared<std::string>("off");
  auto moderate = std::make_shared<unsigned>(0);
  auto drop = std::make_shared<std::string>();
  command->add_option("NAME", options->name, "Which device")
      ->required()
      ->check(CLI::IsMember(bellwire::host::device_names()));
  command->add_option("--on", options->on, "Where: TRANSPORT:…, see below")
      ->required()
      ->type_name("WHERE");
  command
      ->add_option("--poll", *poll,
                   "Look for work before it sleeps: off, adaptive (as long as that pays), always, "
                   "always=CPU (bound to it)")
      ->check([](const std::string& how) {
        const auto parsed = bellwire::host::parse_polling(how);
        return parsed ? std::string() : parsed.error().message;
      })
      ->type_name("HOW")
      ->capture_default_str();
  command
      ->add_option("--moderate", *moderate,
                   "Least time between two interrupts of a queue; those between come as one")
      ->check(CLI::Range(0, 1'000'000))
      ->type_name("MICROSECONDS")
      ->capture_default_str();
  command
      ->add_option("--trace", options->tracing.file,
                   "Record every request's way from the beginning to the end, and write it there; "
                   "compressed, if the name ends in .gz")
      ->type_name("FILE");
  command
      ->add_option("--control", options->tracing.control,
                   "Serve a socket there, for `bellwire trace record`")
      ->type_name("SOCKET");
  add_facts(command, options->facts);
  command
      ->add_option("--drop", *drop,
                   "Lose a wire's Nth on purpose, to see who notices: doorbell=N or interrupt=N")
      ->check([](const std::string& what) {
        const auto parsed = bellwire::host::parse_drop(what);
        return parsed ? std::string() : parsed.error().message;
      })
      ->type_name("WHAT");
  command->callback([&run, options, poll, moderate, drop] {
    if (!drop->empty()) options->drop = bellwire::host::parse_drop(*drop).value();
    options->poll = bellwire::host::parse_polling(*poll).value();
    options->moderate = std::chrono::microseconds(*moderate);
    run = [options] { return bellwire::host::run_device(*options); };
  });
}

void add_trace_record(CLI::App& trace, Run& run) {
  auto* command = trace.add_subcommand("record", "Record a running device's requests");
  command->footer(
      "\nWithout a limit it records until Ctrl-C. The device must have been started with "
      "--control.");
  auto options = std::make_shared<bellwire::host::RecordOptions>();
  command->add_option("SOCKET", options->socket, "The device's control socket")->required();
  command
      ->add_option("--out", options->out,
                   "Where to write the trace; compressed, if the name ends in .gz")
      ->required()
      ->type_name("FILE");
  command->add_option("--seconds", options->limits.seconds, "Record so long")
      ->check(CLI::PositiveNumber)
      ->type_name("S");
  command
      ->add_option("--requests", options->limits.requests, "Record so many requests, or a few more")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  add_facts(command, options->facts);
  command->callback(
      [&run, options] { run = [options] { return bellwire::host::run_record(*options); }; });
}

void add_trace(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand("trace", "Record the way of every request, hop by hop");
  command->require_subcommand(1);
  add_trace_record(*command, run);
  bellwire::view::add_commands(*command, run);
}

void add_top(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand("top", "What running devices do, a line each queue in use");
  command->footer(
      "\nRates are those since the last look. Eventfds are the device's: how many have a count "
      "that\n"
      "nobody took yet, of all. On a terminal the lines stay where they are.");
  auto options = std::make_shared<bellwire::host::TopOptions>();
  command
      ->add_option("SOCKET", options->sockets,
                   "Control sockets of devices (bellwire device --control)")
      ->required();
  command->add_option("--interval", options->interval, "Seconds between looks")
      ->check(CLI::Range(0.01, 3600.0))
      ->type_name("S")
      ->capture_default_str();
  command->add_option("--times", options->times, "Look so often, then end")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  command->callback([&run, options] { run = [options] { return run_top(*options); }; });
}

void add_rules(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand(
      "rules", "Hold the software model of ioeventfds and irqfds against this machine's kernel");
  command->footer(
      "\nEach rule of docs/semantics.md that can be tried from user space is tried on both. Exit\n"
      "status 1: they disagree somewhere. Without KVM, the rows that need it are left out.");
  auto options = std::make_shared<bellwire::host::RulesOptions>();
  command->add_flag("--json", options->json, "As {rules: [{rule, text, model, kernel, agree}]}");
  command->add_flag("--nested", options->nested,
                    "In an emulated host that has KVM, where this machine has none");
  command->callback(
      [&run, options] { run = [options] { return bellwire::host::run_rules(*options); }; });
}

void add_suite(CLI::App& bench, const bellwire::bench::Suite& suite, Run& run) {
  auto* command = bench.add_subcommand(suite.name, suite.what);
  command->footer(
      "\nRounds are interleaved, and compared within a round; beside each row is bare C that does\n"
      "the same without bellwire. Each ratio has the spread of its rounds with it: differences\n"
      "within the spread mean nothing. What a ratio should be at most stands behind it.");
  auto options = std::make_shared<bellwire::bench::Options>();
  command->add_option("--rounds", options->rounds, "How often everything is sampled (1 to 1000)")
      ->check(CLI::Range(1, 1000))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--skip", options->skip, "Leave out rows with this in their name")
      ->type_name("TEXT");
  command->add_option("--json", options->json, "Write the figures there as well")
      ->type_name("FILE");
  command->add_flag("--check", options->check, "Exit status 1 if a limit is missed");
  command->callback([&run, &suite, options] {
    run = [&suite, options] { return bellwire::bench::run(suite, *options); };
  });
}

void add_bench(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand("bench", "Measure what wires cost, side by side in one run");
  command->require_subcommand(1);
  for (const auto& suite : bellwire::bench::suites()) add_suite(*command, suite, run);
}

constexpr std::pair<const char*, bellwire::log::Level> levels[] = {
    {"debug", bellwire::log::Level::debug},     {"info", bellwire::log::Level::info},
    {"warning", bellwire::log::Level::warning}, {"error", bellwire::log::Level::error},
    {"off", bellwire::log::Level::off},
};

int fail(const Error& error) {
  bellwire::log::say(error.message);
  // Of the generic category only: the system's own EINVAL is no fault of the user's.
  return error.code == std::make_error_code(std::errc::invalid_argument) ? exit_usage
                                                                         : exit_failure;
}

int run_program(int argc, char** argv) {
  CLI::App app("bellwire: virtual devices that talk through eventfds, as KVM's and QEMU's do.");
  app.footer(footer);
  app.set_version_flag("--version", "bellwire " BELLWIRE_PROGRAM_VERSION);
  app.require_subcommand(1);
  std::string level = "warning";
  app.add_option("--log-level", level, "How much to log")
      ->check(CLI::IsMember(std::map(std::begin(levels), std::end(levels))))
      ->capture_default_str();
  app.fallthrough();

  Run run;
  add_switchboard(app, run);
  add_device(app, run);
  add_trace(app, run);
  add_top(app, run);
  add_rules(app, run);
  add_bench(app, run);
  app.failure_message([](const CLI::App* program, const CLI::Error& error) {
    const auto unknown = program->remaining();
    const auto what = unknown.empty() ? error.what() : "there is no '" + unknown.front() + "'";
    return "bellwire: " + bellwire::escaped(what) + " (bellwire --help tells more)\n";
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  bellwire::log::set_level(
      std::map<std::string, bellwire::log::Level>(std::begin(levels), std::end(levels)).at(level));
  try {
    const auto done = run();
    return done ? 0 : fail(done.error());
  } catch (const std::exception& error) {
    return fail({{}, error.what()});
  }
}

}  // namespace

int main(int argc, char** argv) {
  bellwire::host::StandardOutput output;
  return output.end("bellwire", run_program(argc, argv));
}
