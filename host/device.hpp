// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire device`
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "host/polling.hpp"
#include "host/record/tracing.hpp"
#include "vdev/runner/dropping.hpp"

namespace bellwire::host {

struct DeviceOptions {
  std::string name;  ///< in the catalog
  std::string on;    ///< TRANSPORT:WHERE
  PollOptions poll;
  std::chrono::microseconds moderate{0};  ///< least time from interrupt to interrupt
  TracingOptions tracing;
  std::vector<std::string> facts;  ///< NAME=TEXT, for the trace
  std::optional<DropPlan> drop;
};

/// doorbell=N or interrupt=N, from 1 on; EINVAL: anything else.
[[nodiscard]] Result<DropPlan> parse_drop(const std::string& what);

/// Until a signal ends it.
[[nodiscard]] Result<void> run_device(const DeviceOptions& options);

[[nodiscard]] std::vector<std::string> device_names();
[[nodiscard]] std::string describe_devices_and_transports();

}  // namespace bellwire::host
