// SPDX-License-Identifier: BSD-3-Clause
//
// What the command lines of all programs have in common: --help, --version, --log-level, messages
// about wrong usage, exit statuses, and a standard output whose loss is an error.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "vdev/os/result.hpp"

namespace CLI {
class App;
}

namespace bellwire::host {

/// Does what the chosen subcommand is for. EINVAL of the generic category: wrong usage.
using Run = std::function<Result<void>()>;

/// Adds a subcommand with its options to `app`. Choosing it sets `run`.
using AddSubcommand = void (*)(CLI::App& app, Run& run);

struct ProgramInfo {
  const char* name;
  const char* summary;  ///< a sentence; the help begins with it
  const char* footer;   ///< the help ends with it
};

/// Of bellwire, as `--version` says it.
[[nodiscard]] std::string_view program_version() noexcept;

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

/// main(). Exit status: 0 done, exit_failure if it failed or standard output was lost, exit_usage.
[[nodiscard]] int run_program(const ProgramInfo& program,
                              std::span<const AddSubcommand> subcommands, int argc, char** argv);

/// Likewise, of a program that is one command: `add` gives it its options, and has it set `run`
/// when the command line is right.
[[nodiscard]] int run_command(const ProgramInfo& program,
                              const std::function<void(CLI::App& app, Run& run)>& add, int argc,
                              char** argv);

}  // namespace bellwire::host
