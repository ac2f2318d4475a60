// SPDX-License-Identifier: BSD-3-Clause
//
// The command that runs a device on a transport, on one thread, until a signal ends it, or the
// guest that the transport includes is done. `bellwire device` is one, of the catalog
// (host/device.cpp); each program that calls device_main() is one, of its own devices.
#pragma once

#include <span>

#include "host/cli/command_line.hpp"
#include "host/sandbox/sandbox.hpp"
#include "vdev/devices/entry.hpp"

namespace bellwire::host {

/// Gives `command` the options that these devices have, and its help; `run` is set when it is
/// chosen. With a single device the command line has no NAME. The devices must outlive the run.
/// `sandboxing` holds where no other is chosen: a device of somebody else may need what ours does
/// not.
void add_device_command(CLI::App& command, std::span<const DeviceEntry> devices, Run& run,
                        Sandboxing sandboxing = Sandboxing::off);

}  // namespace bellwire::host
