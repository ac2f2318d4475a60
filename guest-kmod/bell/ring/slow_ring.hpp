// SPDX-License-Identifier: BSD-3-Clause
//
// One ring in slow motion: the process holds its own hops, and the module those of its own
// (BELLWIRE_STEP), until each is let happen. The device on the host may hold its hops likewise.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "guest-kmod/bell/device/claimed_queue.hpp"

namespace bell {

struct SlowOptions {
  std::string by;                                  ///< keys, or lines; empty: not in slow motion
  std::optional<std::chrono::milliseconds> every;  ///< in place of keys
};

/// Rings once. By lines it prints nothing by itself: standard input has a command per line (show,
/// next, run), and each is answered by a line as Stepper::look() has it, {"stop": …, "runs": …,
/// "values": …}, of what is held after it. ECANCELED: a signal came; EPROTO: a wrong answer.
[[nodiscard]] Result<void> ring_slowly(const ClaimOptions& claim, const SlowOptions& options);

}  // namespace bell
