// SPDX-License-Identifier: BSD-3-Clause
//
// The status of a device, as its control socket reports it: both the side that answers and the side
// that asks. The answer is the words of the shared memory that are always there, as numbers: nobody
// waits for the device. The side that asks doesn't trust the one that answers.
#pragma once

#include <sys/types.h>

#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "host/trace/file/trace_file.hpp"
#include "host/trace/record/function_log.hpp"
#include "vdev/faults/tally.hpp"
#include "vdev/ring/hang.hpp"
#include "vdev/ring/layout.hpp"

namespace bellwire::host {

/// {device, transport, incarnation, function, takes_faults, faults, queues: [{queue, entries,
/// generation, status, consumed, completed, submitted, doorbells, wakeups, raises, lost: {kicks,
/// doorbells, interrupts, calls, wakes}, waits}]}. `lost` counts the hops that driver or device
/// found lost, and repaired; `waits` is null, or {request, stage} as find_hang() finds it: a hang,
/// if it stays so. Without a `layout` there are no queues. `function` is null, or, of a PCI
/// function, {EVENT: how many…, dma_bytes, failed} since the device began. Numbers of a queue count
/// since its generation began; the indices consumed, completed and submitted wrap at 2^32.
///
/// `faults` is [{fault, wire, times, given, armed, queue, request, answered}], of the rules of a
/// plan and of those that were given while the device ran (`takes_faults`). The last three are of
/// the last signal that it happened to, and null where they are not known; `answered`: what the
/// signal was about has reached its other end all the same.
[[nodiscard]] boost::json::object status_of(const ring::Layout* layout, const TraceFacts& facts,
                                            const FunctionLog* log = nullptr,
                                            const FaultTally* faults = nullptr);

struct QueueStatus {
  std::uint32_t queue, entries, generation, status;
  std::uint32_t submitted, completed;
  std::uint64_t doorbells, wakeups, raises;
  std::uint64_t lost;  ///< all of them
  std::optional<ring::Hang> waits = std::nullopt;
};

struct FaultStatus {
  std::string fault;    ///< the rule of the plan
  std::uint64_t times;  ///< it was injected
  std::string wire = {};
  bool given = false, armed = true;
  std::optional<std::uint32_t> queue = std::nullopt;
  std::optional<std::uint64_t> request = std::nullopt;
  std::optional<bool> answered = std::nullopt;
};

struct DeviceStatus {
  std::chrono::steady_clock::time_point when;
  pid_t pid;
  std::string device, transport;
  std::uint32_t incarnation;
  std::vector<QueueStatus> queues;                        ///< those that a driver uses
  std::optional<FunctionCounts> function = std::nullopt;  ///< of a PCI function
  std::vector<FaultStatus> faults = {};
  bool takes_faults = false;
};

/// Asks the device that serves `socket`, and waits for the answer for up to two seconds. ETIMEDOUT,
/// EPROTO, or what the system says.
[[nodiscard]] Result<DeviceStatus> ask_status(const std::string& socket, int stop);

/// Has the device do what a request of control.hpp says: "fault" or "end faults". Waits likewise.
/// EPROTO: what it says against that.
[[nodiscard]] Result<void> ask_device(const std::string& socket, const boost::json::object& request,
                                      int stop);

}  // namespace bellwire::host
