// SPDX-License-Identifier: BSD-3-Clause
//
// What the command line of `bellwire device` says.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "host/device/polling.hpp"
#include "host/trace/record/tracing.hpp"
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

}  // namespace bellwire::host
