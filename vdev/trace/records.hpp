// SPDX-License-Identifier: BSD-3-Clause
//
// What a Recorder collects: nothing of it is trusted, and nothing is checked yet.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "guest-kmod/uapi/bellwire.h"

namespace bellwire::trace {

/// What each side wrote, in its own order.
using SideRecords = std::array<std::vector<bellwire_record>, BELLWIRE_SIDES>;

struct QueueRecords {
  unsigned queue;
  SideRecords of;
};

/// Ticks of the host.
struct Window {
  std::uint64_t began = 0, ended = std::numeric_limits<std::uint64_t>::max();
};

struct Recording {
  std::vector<QueueRecords> queues;
  std::array<std::uint64_t, BELLWIRE_SIDES> lost{};  ///< records that nobody has
  double ticks_per_ns = 1;
  Window window;  ///< nothing was recorded outside of it; any time, where the recorder can't know
};

}  // namespace bellwire::trace
