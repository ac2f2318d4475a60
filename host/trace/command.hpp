// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire trace`: what is done with a trace file.
#pragma once

#include <CLI/App.hpp>
#include <functional>

#include "vdev/os/result.hpp"

namespace bellwire::view {

/// Adds the subcommand. The one that is chosen sets `run`, which is called after parsing.
void add_commands(CLI::App& app, std::function<Result<void>()>& run);

}  // namespace bellwire::view
