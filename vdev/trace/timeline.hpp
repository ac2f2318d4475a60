// SPDX-License-Identifier: BSD-3-Clause
//
// Timeline: a recording in readable form: each request with the times of its stages, all on the
// host's clock. One thread.
#pragma once

#include "vdev/trace/clock.hpp"
#include "vdev/trace/recorder.hpp"

namespace bellwire::trace {

struct Journey {
  unsigned queue;
  std::uint32_t index;
  /// Nanoseconds since the start of the timeline. Empty: the stage did not happen or was not
  /// recorded.
  std::array<std::optional<double>, BELLWIRE_STAGES> at;
};

/// A doorbell or an interrupt, and how many requests it was for. Without a module, as the device
/// saw it.
struct Call {
  unsigned queue;
  double at;
  std::uint32_t requests;
};

/// Impossible records of a queue: times outside of the recording, unknown stages. They are in no
/// other list.
struct LeftOut {
  unsigned queue;
  std::uint64_t requests = 0;
  std::uint64_t records = 0;  ///< records that belong to no request
};

/// Something that went wrong on purpose.
struct Fault {
  unsigned queue;
  double at;
  std::string what;                    ///< "drop interrupt 33"
  std::optional<std::uint32_t> index;  ///< of the newest request that it may have been about
};

/// A signal that had not come, and that the driver did without.
struct Recovered {
  unsigned queue;
  double at;
  bellwire_recovery what;
  std::uint32_t index;  ///< of the request that it was for
};

struct Timeline {
  std::vector<Journey> journeys;  ///< sorted by their start
  std::vector<Call> doorbells;    ///< sorted by time, like
  std::vector<Call> interrupts;
  std::vector<Fault> faults;         ///< likewise
  std::vector<Recovered> recovered;  ///< likewise
  std::array<std::uint64_t, BELLWIRE_SIDES> lost{};
  double ticks_per_ns = 1;
  std::int64_t offset_ticks = 0;     ///< guest minus host, at the start
  double uncertainty_ns = 0;         ///< the error that all guest times have in common
  std::uint64_t contradictions = 0;  ///< records that contradict the offset
  std::vector<LeftOut> left_out;     ///< sorted by queue
};

/// Whether driver and device share a clock, as in one process, or the driver has a guest's.
enum class Clocks { one, guest };

/// Requests whose start was not recorded are left out, those without an end are not. Whatever a
/// queue's records say, the other queues' requests are complete, with times that are right within
/// the uncertainty.
[[nodiscard]] Timeline make_timeline(const Recording& recording, Clocks clocks);

}  // namespace bellwire::trace
