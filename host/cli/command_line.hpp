// SPDX-License-Identifier: BSD-3-Clause
//
// What the command lines of all programs have in common: --help, --version, --log-level, messages
// about wrong usage, exit statuses, and a standard output whose loss is an error.
#pragma once

#include <functional>
#include <span>

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

/// main(). Exit status: 0 done, 1 failed or standard output was lost, 2 wrong usage.
[[nodiscard]] int run_program(const ProgramInfo& program,
                              std::span<const AddSubcommand> subcommands, int argc, char** argv);

}  // namespace bellwire::host
