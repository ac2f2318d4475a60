// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire top`: what running devices do, again and again: a line each queue that is in use.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vdev/os/result.hpp"

namespace bellwire::host {

struct TopOptions {
  std::vector<std::string> sockets;    ///< control sockets of devices
  double interval = 1;                 ///< seconds
  std::optional<std::uint64_t> times;  ///< so often, then it ends; empty: until a signal ends it
};

/// On a terminal the lines stay where they are. An error if a device can't be asked at the start;
/// one that goes later is shown as gone, and asked again.
[[nodiscard]] Result<void> run_top(const TopOptions& options);

}  // namespace bellwire::host
