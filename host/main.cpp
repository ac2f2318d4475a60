// SPDX-License-Identifier: BSD-3-Clause
//
// bellwire: one program, a subcommand a part. Each subcommand stands in its own file, declares its
// options there, and says what to run.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <functional>

#include "host/commands.hpp"

namespace {

using bellwire::host::exit_usage;

const char* footer = R"(
Exit status: 0 done, or ended by Ctrl-C or SIGTERM; 1 something failed; 2 wrong usage.
Nothing is logged but warnings and errors, to standard error; --log-level tells more.

Example, three shells:
  bellwire switchboard --socket /tmp/bell.sock
  bellwire device echo --on ivshmem:/tmp/bell.sock
  qemu-system-x86_64 … -chardev socket,id=bell,path=/tmp/bell.sock \
                       -device ivshmem-doorbell,chardev=bell,vectors=8)";

void log_to_stderr(const std::string& level) {
  auto logger = spdlog::stderr_color_mt("bellwire");
  logger->set_pattern("bellwire: %^%l%$: %v");
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("bellwire: virtual devices that talk through eventfds, as KVM's and QEMU's do.");
  app.footer(footer);
  app.set_version_flag("--version", "bellwire " BELLWIRE_PROGRAM_VERSION);
  app.require_subcommand(1);
  std::string level = "warning";
  app.add_option("--log-level", level, "How much to log")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
  app.fallthrough();

  std::function<int()> run;
  bellwire::host::add_switchboard(app, run);
  bellwire::host::add_device(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  log_to_stderr(level);
  try {
    return run();
  } catch (const std::exception& error) {
    return bellwire::host::fail({{}, error.what()});
  }
}
