// SPDX-License-Identifier: BSD-3-Clause
//
// DeviceStatus: what a running device tells of itself at its control socket (trace/record/status.hpp),
// and what the system tells of its eventfds. Who answers is not trusted.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "vdev/os/result.hpp"

namespace bellwire::host {

struct QueueStatus {
  std::uint32_t queue, entries, generation, status;
  std::uint32_t submitted, completed;
  std::uint64_t doorbells, wakeups, raises;
  std::uint64_t lost;  ///< hops that did not happen, and were repaired
};

struct DeviceStatus {
  std::chrono::steady_clock::time_point when;
  pid_t pid;
  std::string device, transport;
  std::uint32_t incarnation;
  std::vector<QueueStatus> queues;  ///< those that a driver uses
};

/// Waits for the answer, two seconds at most. ETIMEDOUT, EPROTO, or what the system says.
[[nodiscard]] Result<DeviceStatus> ask_status(const std::string& socket);

/// A process's eventfds, and how many of them have a count that nobody took yet.
struct EventFdCounts {
  unsigned all = 0, rung = 0;
};

/// Empty: they are not for us to see. docs/semantics.md 10.
[[nodiscard]] std::optional<EventFdCounts> count_event_fds(pid_t pid);

}  // namespace bellwire::host
