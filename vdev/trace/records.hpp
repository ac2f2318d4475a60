// SPDX-License-Identifier: BSD-3-Clause
//
// Recording: what a Recorder collects, unchecked and untrusted; and the names of the stages. Any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest-kmod/uapi/bellwire.h"

namespace bellwire::trace {

// What a Recorder collects: nothing of it is trusted, and nothing is checked yet.

/// What each side wrote, in its own order.
using SideRecords = std::array<std::vector<bellwire_record>, BELLWIRE_SIDES>;

struct QueueRecords {
  unsigned queue;
  SideRecords of;
};

/// A span of time, in ticks of the host.
struct Window {
  std::uint64_t began = 0, ended = std::numeric_limits<std::uint64_t>::max();
};

/// What went wrong with a signal on purpose, as the device's process saw it.
struct InjectedFault {
  std::uint64_t ticks;
  unsigned queue;
  std::string what;                      ///< "drop interrupt 33"
  std::optional<std::uint32_t> request;  ///< the newest that the signal may have been about
};

struct Recording {
  std::vector<QueueRecords> queues;
  std::vector<InjectedFault> faults;                 ///< in their order
  std::array<std::uint64_t, BELLWIRE_SIDES> lost{};  ///< records that were overwritten unread
  double ticks_per_ns = 1;
  Window window;  ///< everything was recorded within it; unbounded if the recorder can't know
};

// The stages of a request as a trace file names them; guest-kmod/uapi/bellwire.h describes each
// under enum bellwire_stage.
constexpr std::array<std::string_view, BELLWIRE_SIDES> side_names{"process", "module", "device"};

struct Stage {
  std::string_view name;
  bellwire_side side;
};

constexpr std::array<Stage, BELLWIRE_STAGES> stages{{
    {"submitted", BELLWIRE_PROCESS},
    {"kicked", BELLWIRE_MODULE},
    {"doorbell", BELLWIRE_MODULE},
    {"woken", BELLWIRE_DEVICE},
    {"taken", BELLWIRE_DEVICE},
    {"posted", BELLWIRE_DEVICE},
    {"raised", BELLWIRE_DEVICE},
    {"interrupted", BELLWIRE_MODULE},
    {"signalled", BELLWIRE_MODULE},
    {"awake", BELLWIRE_PROCESS},
    {"done", BELLWIRE_PROCESS},
}};

/// What a recovery replaced, as a trace file names it.
constexpr std::string_view name_of(bellwire_recovery what) {
  return what == BELLWIRE_RECOVERED_DOORBELL ? "doorbell" : "interrupt";
}

/// Whether the host's clock times the stage, or the guest's.
constexpr bool on_host(bellwire_stage stage) {
  return stages[stage].side == BELLWIRE_DEVICE;
}

}  // namespace bellwire::trace
