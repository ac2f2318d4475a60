// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire trace`: what is done with a trace file.
#pragma once

#include <CLI/App.hpp>
#include <functional>

#include "vdev/os/result.hpp"

namespace bellwire::view {

/// Adds `show`, `diff` and `export` to the subcommand `trace`. The one that is chosen sets `run`.
void add_commands(CLI::App& trace, std::function<Result<void>()>& run);

}  // namespace bellwire::view
