// SPDX-License-Identifier: BSD-3-Clause
//
// bell's subcommands. Each adds itself to the program's options and, when it is chosen, sets what
// to run; that returns the exit status.
#pragma once

#include <CLI/App.hpp>
#include <functional>

#include "vdev/os/result.hpp"

namespace bell {

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

void add_info(CLI::App& app, std::function<int()>& run);
void add_ring(CLI::App& app, std::function<int()>& run);
void add_break(CLI::App& app, std::function<int()>& run);

/// Says why on standard error, and returns exit_failure.
int fail(const bellwire::Error& error);

}  // namespace bell
