// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire device` runs a device of the catalog, `bellwire replay` replays a recording to one.
#include <CLI/CLI.hpp>

#include "host/cli/subcommands.hpp"
#include "host/device/command.hpp"
#include "host/device/replay_command.hpp"
#include "vdev/devices/catalog.hpp"

namespace bellwire::host {

void add_device(CLI::App& app, Run& run) {
  add_device_command(*app.add_subcommand("device", "Run a device on a transport"), catalog(), run,
                     Sandboxing::automatic);
}

void add_replay(CLI::App& app, Run& run) {
  add_replay_command(
      *app.add_subcommand("replay", "Replay a recording to a device, and compare what it does"),
      catalog(), run);
}

}  // namespace bellwire::host
