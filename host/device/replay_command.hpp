// SPDX-License-Identifier: BSD-3-Clause
//
// The command that replays a recording to a device, and compares. `bellwire replay` is one, of the
// catalog (host/device.cpp); `PROGRAM replay` of a program that calls device_main() is one, of its
// own devices.
#pragma once

#include <span>

#include "host/cli/command_line.hpp"
#include "vdev/devices/entry.hpp"

namespace bellwire::host {

/// Gives `command` its options and its help; `run` is set when it is chosen. The devices must
/// outlive the run.
void add_replay_command(CLI::App& command, std::span<const DeviceEntry> devices, Run& run);

}  // namespace bellwire::host
