// SPDX-License-Identifier: BSD-3-Clause
//
// Timeline: a recording made readable: each request with the times of its stages, all on the host's
// clock.
#pragma once

#include "vdev/trace/clock.hpp"
#include "vdev/trace/recorder.hpp"

namespace bellwire::trace {

struct Journey {
  unsigned queue;
  std::uint32_t index;
  /// Nanoseconds since the timeline began; empty: the request has no such stage, or nobody knows.
  std::array<std::optional<double>, BELLWIRE_STAGES> at;
};

/// A doorbell or an interrupt, and how many requests it stood for. Where there is no module, what
/// the device knows of it.
struct Call {
  unsigned queue;
  double at;
  std::uint32_t requests;
};

/// What a queue's records say that can't be: times outside of the recording, stages that no side
/// has. It is in no other list.
struct LeftOut {
  unsigned queue;
  std::uint64_t requests = 0;
  std::uint64_t records = 0;  ///< that belong to no request
};

struct Timeline {
  std::vector<Journey> journeys;  ///< by when they began
  std::vector<Call> doorbells;    ///< by time, as are
  std::vector<Call> interrupts;
  std::array<std::uint64_t, BELLWIRE_SIDES> lost{};
  double ticks_per_ns = 1;
  std::int64_t offset_ticks = 0;     ///< guest minus host, at the beginning
  double uncertainty_ns = 0;         ///< by which all guest's times may be wrong, together
  std::uint64_t contradictions = 0;  ///< times that the offset did not hold
  std::vector<LeftOut> left_out;     ///< by queue
};

/// Whether driver and device have one clock, as in one process, or the driver a guest's.
enum class Clocks { one, guest };

/// Requests whose beginning was not recorded are not in it, those without an end are. Whatever a
/// queue's records say, the other queues' requests are in it, whole, at times that are right within
/// the uncertainty.
[[nodiscard]] Timeline make_timeline(const Recording& recording, Clocks clocks);

}  // namespace bellwire::trace
