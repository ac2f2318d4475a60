// SPDX-License-Identifier: BSD-3-Clause
//
// The subcommands. Each adds itself to the program's options and, when it is chosen, sets what to
// run; that returns the exit status.
#pragma once

#include <CLI/App.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>

#include "vdev/os/result.hpp"

namespace bellwire::host {

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

void add_switchboard(CLI::App& app, std::function<int()>& run);
void add_device(CLI::App& app, std::function<int()>& run);

/// Says why on standard error, and returns exit_failure; exit_usage for an invalid argument.
int fail(const Error& error);

/// Runs the context until Ctrl-C or SIGTERM, then returns 0.
int serve(boost::asio::io_context& context);

}  // namespace bellwire::host
