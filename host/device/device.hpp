// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire device`
#pragma once

#include <string>
#include <vector>

#include "host/device/device_options.hpp"

namespace bellwire::host {

/// doorbell=N or interrupt=N, from 1 on; EINVAL: anything else.
[[nodiscard]] Result<DropPlan> parse_drop(const std::string& what);

/// Until a signal ends it.
[[nodiscard]] Result<void> run_device(const DeviceOptions& options);

[[nodiscard]] std::vector<std::string> device_names();
[[nodiscard]] std::string describe_devices_and_transports();

}  // namespace bellwire::host
