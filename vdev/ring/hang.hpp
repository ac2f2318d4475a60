// SPDX-License-Identifier: BSD-3-Clause
//
// For a request that hangs: the last stage that it reached, and the hop that should have followed.
// Found in the shared memory by either side, driver or device, without any recording.
//
// That a hop did not happen says nothing about why: a side that is paused or gone has lost nothing.
// Watchdog (for the device) and DriverWatch (for the driver) find out, and repair what was lost.
//
// Rules: guest-kmod/uapi/bellwire.h, "Hanging" and "Losses". Nothing that is read is trusted; lies
// give a wrong sentence, no more.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "vdev/ring/layout.hpp"

namespace bellwire::ring {

struct Hang {
  std::uint32_t generation;
  std::uint32_t request;  ///< the oldest that its driver still waits for
  bellwire_stage last;    ///< what was done for it

  bool operator==(const Hang&) const = default;
};

/// How the oldest request stands, if its driver, or the device, sleeps and waits for the other.
/// It hangs if that stays so. Empty too if the queue has no driver, or is broken.
[[nodiscard]] std::optional<Hang> find_hang(const Queue& queue) noexcept;

/// Whether a stage lies on the way to the device.
[[nodiscard]] constexpr bool on_way_there(bellwire_stage stage) noexcept {
  return stage < BELLWIRE_POSTED;
}

/// Whether the request reached that stage.
[[nodiscard]] bool reached(const Queue& queue, bellwire_stage stage,
                           std::uint32_t request) noexcept;

/// The hop that follows a stage; empty where a side's own work does.
[[nodiscard]] std::optional<bellwire_hop> hop_after(bellwire_stage stage) noexcept;

/// The stage before a hop.
[[nodiscard]] bellwire_stage stage_before(bellwire_hop hop) noexcept;

/// "request 4711: doorbell written 2.0 s ago, never seen by the device: lost doorbell"
[[nodiscard]] std::string describe(const Hang& hang, std::chrono::duration<double> age);

/// The same with another cause, as "the device is paused".
[[nodiscard]] std::string describe(const Hang& hang, std::chrono::duration<double> age,
                                   const std::string& cause);

}  // namespace bellwire::ring
