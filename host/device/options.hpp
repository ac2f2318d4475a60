// SPDX-License-Identifier: BSD-3-Clause
//
// DeviceOptions: what the command line of `bellwire device` says.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "host/trace/record/tracing.hpp"
#include "vdev/core/poll_time.hpp"
#include "vdev/devices/catalog.hpp"
#include "vdev/runner/interpose.hpp"

namespace CLI {
class App;
}

namespace bellwire::host {

/// `--poll`: how the device looks for work before it sleeps, and where.
struct PollOptions {
  Polling polling = Polling::off;
  std::optional<unsigned> cpu;  ///< the device's thread is bound to it
};

struct DeviceOptions {
  std::string name;             ///< in the catalog
  std::vector<std::string> on;  ///< TRANSPORT:WHERE; several for a device that has ports
  PollOptions poll;
  std::chrono::microseconds moderate{0};  ///< least time between two interrupts of a queue
  TracingOptions tracing;
  std::vector<std::string> facts;  ///< NAME=TEXT, for the trace
  std::optional<DropPlan> drop;
  VirtioOptions virtio;
  bool print_capabilities = false;        ///< and nothing else
  std::vector<std::string> virtio_given;  ///< which of those were given: "--file"
};

/// Adds all options of the subcommand, and checks them as they are read.
void add_device_options(CLI::App& command, DeviceOptions& options);

/// Whether they say where the device runs. EINVAL: not at all, or at more places than it can.
[[nodiscard]] Result<void> check_place(const DeviceOptions& options);

}  // namespace bellwire::host
