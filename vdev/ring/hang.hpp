// SPDX-License-Identifier: BSD-3-Clause
//
// Of a request that hangs: the last that was done for it, and what should have come next. Found in
// the shared memory by whoever can see it, driver or device, without any recording.
//
// Rules: guest-kmod/uapi/bellwire.h, "Hanging". Nothing of what is read is trusted; lies give a
// wrong sentence, no more.
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

/// "request 4711: doorbell written 2.0 s ago, never seen by the device: lost kick"
[[nodiscard]] std::string describe(const Hang& hang, std::chrono::duration<double> age);

/// Tells what hangs for longer than its patience; once each.
class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds patience{1500};

  explicit Watchdog(const Queue& queue) noexcept : queue_(queue) {}

  /// To be called now and then, while watching().
  [[nodiscard]] std::optional<std::string> look(Clock::time_point now);

  /// Whether there was something at the last look that may yet be told.
  [[nodiscard]] bool watching() const noexcept { return seen_.has_value() && !told_; }

 private:
  Queue queue_;
  std::optional<Hang> seen_;
  Clock::time_point since_;
  bool told_ = false;
};

}  // namespace bellwire::ring
