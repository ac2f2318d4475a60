// SPDX-License-Identifier: BSD-3-Clause
//
// Standstill: for a guest that came along with its device: whether its requests hang, and when it
// has to give up. They hang when the queue stands still while the device beats: so its thread runs,
// and what it should have been rung for, or has raised an interrupt for, got lost. The device's
// watchdog (watchdog.hpp) is slower to say so, and may repair it; a queue that stands still for
// long stays so.
//
// Only time in which somebody looked counts: the process was not running in the rest.
//
// One thread at a time.
#pragma once

#include <chrono>
#include <string>

#include "vdev/ring/layout.hpp"

namespace bellwire::ring {

class Standstill {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds patience{600};
  static constexpr unsigned beats = 3;                           ///< of the device, meanwhile
  static constexpr std::chrono::milliseconds limit{5000};        ///< with or without beats
  static constexpr std::chrono::milliseconds longest_step{250};  ///< that counts between two looks

  enum class Finding {
    nothing,   ///< yet
    hangs,     ///< said once for each standstill
    hopeless,  ///< `limit` is over
  };

  /// Of a queue of that memory.
  Standstill(const Layout& layout, unsigned queue) noexcept;

  /// To be called now and then while the driver waits, several times in `longest_step`.
  [[nodiscard]] Finding look(Clock::time_point now) noexcept;

  /// Whether `hangs` was said for this standstill.
  [[nodiscard]] bool told() const noexcept { return told_; }

  /// "request 4711: doorbell written 0.6 s ago, never seen by the device: …"
  [[nodiscard]] std::string describe() const;

 private:
  // All that changes when the two get on.
  struct Place {
    std::uint32_t generation, served, completed, consumed;
    bool operator==(const Place&) const = default;
  };
  [[nodiscard]] Place place() const noexcept;
  [[nodiscard]] std::uint32_t beat() const noexcept;

  Layout layout_;
  Queue queue_;
  Place seen_{};
  Clock::time_point last_look_{};
  Clock::duration stood_{};
  std::uint32_t first_beat_ = 0;  // of this standstill
  bool told_ = false;
};

}  // namespace bellwire::ring
