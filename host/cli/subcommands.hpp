// SPDX-License-Identifier: BSD-3-Clause
//
// The subcommands of bellwire. Each .cpp file defines one, or a family of them, with its options.
#pragma once

#include "host/cli/command_line.hpp"

namespace bellwire::host {

void add_switchboard(CLI::App& app, Run& run);  ///< host/switchboard.cpp
void add_device(CLI::App& app, Run& run);       ///< host/device.cpp
void add_replay(CLI::App& app, Run& run);       ///< likewise
void add_trace(CLI::App& app, Run& run);        ///< host/trace/trace.cpp
void add_record(CLI::App& trace, Run& run);     ///< its part: host/trace/record/record.cpp
void add_top(CLI::App& app, Run& run);          ///< host/top.cpp
void add_live(CLI::App& app, Run& run);         ///< host/live/live.cpp
void add_rules(CLI::App& app, Run& run);        ///< host/rules.cpp
void add_explore(CLI::App& app, Run& run);      ///< host/parts.cpp
void add_simulate(CLI::App& app, Run& run);     ///< likewise
void add_scenario(CLI::App& app, Run& run);     ///< host/scenario/command.cpp
void add_conform(CLI::App& app, Run& run);      ///< host/conform/conform.cpp

}  // namespace bellwire::host
