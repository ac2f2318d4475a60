// SPDX-License-Identifier: BSD-3-Clause
#include "host/cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <map>

#include "host/cli/help.hpp"
#include "host/output/standard_output.hpp"
#include "vdev/log/log.hpp"

namespace bellwire::host {
namespace {

const std::map<std::string, log::Level>& levels() {
  static const std::map<std::string, log::Level> levels = {{"debug", log::Level::debug},
                                                           {"info", log::Level::info},
                                                           {"warning", log::Level::warning},
                                                           {"error", log::Level::error},
                                                           {"off", log::Level::off}};
  return levels;
}

int fail(const Error& error) {
  log::say(error.message);
  // The generic category alone: an EINVAL of the system is not the user's fault.
  return error.code == std::make_error_code(std::errc::invalid_argument) ? exit_usage
                                                                         : exit_failure;
}

int run_chosen(const Run& run) {
  try {
    const auto done = run();
    return done ? 0 : fail(done.error());
  } catch (const std::exception& error) {
    return fail({{}, error.what()});
  }
}

// CLI11's "Could not convert: --only = some": it converts nothing but numbers.
std::string plain(const std::string& reason) {
  constexpr std::string_view begin = "Could not convert: ", between = " = ";
  const auto end = reason.find(between);
  if (!reason.starts_with(begin) || end == std::string::npos) return reason;
  return text("{}: '{}' is not a number", reason.substr(begin.size(), end - begin.size()),
              reason.substr(end + between.size()));
}

struct Understood {
  const CLI::App* last;  // the innermost subcommand
  std::string line;      // "bellwire trace show"
};

Understood understood_of(const CLI::App& app, std::string line) {
  const auto* last = &app;
  while (!last->get_subcommands().empty()) {
    last = last->get_subcommands().back();
    line += " " + last->get_name();
  }
  return {last, std::move(line)};
}

// What was not understood belongs to the last subcommand that was.
std::string reason_of(const CLI::App& app, const CLI::App& last, const CLI::Error& error) {
  const auto unknown = app.remaining(true);
  if (unknown.empty()) return plain(error.what());
  const auto subcommands = last.get_subcommands([](const CLI::App*) { return true; });
  if (subcommands.empty() || unknown.front().starts_with('-'))
    return text("unknown argument '{}'", unknown.front());
  std::string names;
  for (const auto* subcommand : subcommands)
    names += (names.empty() ? "" : ", ") + subcommand->get_name();
  return text("unknown subcommand '{}'; there are: {}", unknown.front(), names);
}

// `--version` says this.
std::string version_of(const CLI::App& app, const ProgramInfo& program) {
  const bool ours = !app.get_subcommands([](const CLI::App*) { return true; }).empty();
  return ours ? text("{} {}", program.name, BELLWIRE_PROGRAM_VERSION)
              : text("{}, a device of bellwire {}", program.name, BELLWIRE_PROGRAM_VERSION);
}

using Add = std::function<void(CLI::App& app, Run& run)>;

int parse_and_run(const ProgramInfo& program, const Add& add, int argc, char** argv) {
  CLI::App app(program.summary);
  app.formatter(std::make_shared<HelpFormatter>());
  app.failure_message([&program](const CLI::App* parsed, const CLI::Error& error) {
    const auto [last, line] = understood_of(*parsed, program.name);
    return text("bellwire: {} (see {} --help)\n", escaped(reason_of(*parsed, *last, error)), line);
  });
  Run run;
  add(app, run);
  app.set_version_flag("--version", version_of(app, program));
  std::string level = "warning";
  app.add_option("--log-level", level, "Least severe messages to log")
      ->check(CLI::IsMember(levels()))
      ->capture_default_str();
  app.footer(app.get_footer() + program.footer);  // now: subcommands would inherit it
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  log::set_level(levels().at(level));
  return run_chosen(run);
}

}  // namespace

std::string_view program_version() noexcept {
  return BELLWIRE_PROGRAM_VERSION;
}

int run_command(const ProgramInfo& program, const Add& add, int argc, char** argv) {
  StandardOutput output;
  return output.end(program.name, parse_and_run(program, add, argc, argv));
}

int run_program(const ProgramInfo& program, std::span<const AddSubcommand> subcommands, int argc,
                char** argv) {
  const auto add = [subcommands](CLI::App& app, Run& run) {
    app.require_subcommand(1);
    app.fallthrough();
    for (const auto add_one : subcommands) add_one(app, run);
  };
  return run_command(program, add, argc, argv);
}

}  // namespace bellwire::host
