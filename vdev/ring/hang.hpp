// SPDX-License-Identifier: BSD-3-Clause
//
// Hang: for a request that hangs, the last stage that it reached, which implies the hop that should
// have followed. Either side, driver or device, finds it in the shared memory, without any
// recording.
//
// A hop that did not happen is not yet a lost hop: the side that owes it may be paused or gone.
// Watchdog (for the device) and DriverWatch (for the driver) find that out, and repair what was
// lost.
//
// Rules: guest-kmod/uapi/bellwire.h, "Hanging" and "Losses". What is read is not trusted: at worst
// it leads to a wrong sentence. Any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "vdev/ring/layout.hpp"

namespace bellwire::ring {

struct Hang {
  std::uint32_t generation;
  std::uint32_t request;  ///< the oldest that makes no progress
  bellwire_stage last;    ///< the last that it reached

  bool operator==(const Hang&) const = default;
};

/// The last stage of the oldest request, if driver or device sleeps and waits for the other: it
/// hangs if that does not change. Requests that the device has taken are in its hands: they are
/// named only if none behind them waits to be taken by a device that sleeps, and their last stage
/// is BELLWIRE_TAKEN. Empty otherwise, if the queue has no driver or is broken, and in slow motion.
[[nodiscard]] std::optional<Hang> find_hang(const Queue& queue) noexcept;

/// Whether a person holds one of the sides, hop by hop ("Slow motion" in the header). Then nothing
/// hangs, and find_hang() finds nothing.
[[nodiscard]] bool in_slow_motion(const Queue& queue) noexcept;

/// Whether a stage is on the way to the device.
[[nodiscard]] constexpr bool on_way_there(bellwire_stage stage) noexcept {
  return stage < BELLWIRE_POSTED;
}

/// Whether the request reached that stage.
[[nodiscard]] bool reached(const Queue& queue, bellwire_stage stage,
                           std::uint32_t request) noexcept;

/// The hop that follows a stage; empty if a side's own work follows.
[[nodiscard]] std::optional<bellwire_hop> hop_after(bellwire_stage stage) noexcept;

/// The stage before a hop.
[[nodiscard]] bellwire_stage stage_before(bellwire_hop hop) noexcept;

/// The time between looks at a queue, as far as it counts: this process itself may not have been
/// running for most of a long interval.
class LookInterval {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds longest{250};

  /// Since the last call, at most `longest`; 0 for the first.
  Clock::duration next(Clock::time_point now) noexcept {
    const auto passed = now - last_.value_or(now);
    last_ = now;
    return std::min<Clock::duration>(passed, longest);
  }

 private:
  std::optional<Clock::time_point> last_;
};

/// "request 4711: doorbell written 2.0 s ago, never seen by the device: lost doorbell"
[[nodiscard]] std::string describe(const Hang& hang, std::chrono::duration<double> age);

/// The same with another cause, such as "the device is paused".
[[nodiscard]] std::string describe(const Hang& hang, std::chrono::duration<double> age,
                                   const std::string& cause);

}  // namespace bellwire::ring
