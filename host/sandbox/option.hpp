// SPDX-License-Identifier: BSD-3-Clause
//
// The option of the programs that have a sandbox.
#pragma once

#include "host/sandbox/sandbox.hpp"

namespace CLI {
class App;
}

namespace bellwire::host {

/// `--sandbox off|auto|require`; `how` has what holds without it, and must outlive the command.
void add_sandbox(CLI::App& command, Sandboxing& how);

}  // namespace bellwire::host
