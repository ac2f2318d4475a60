// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire device`: runs a device of the catalog.
#include <CLI/CLI.hpp>

#include "host/cli/subcommands.hpp"
#include "host/device/command.hpp"
#include "vdev/devices/catalog.hpp"

namespace bellwire::host {

void add_device(CLI::App& app, Run& run) {
  add_device_command(*app.add_subcommand("device", "Run a device on a transport"), catalog(), run);
}

}  // namespace bellwire::host
