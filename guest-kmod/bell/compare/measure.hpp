// SPDX-License-Identifier: BSD-3-Clause
//
// Measures a channel between two processes: this one sends, one that it forks receives.
#pragma once

#include "guest-kmod/bell/compare/figures.hpp"
#include "guest-kmod/bell/compare/mechanism.hpp"

namespace bell::compare {

struct Plan {
  std::uint64_t count = 10'000;  ///< notifications
  int sender_cpu = 0;
  int receiver_cpu = 0;
  bool once = true;  ///< also what one look tells: system calls, whether it works in an interrupt

  /// Half of them one at a time, half in a burst; round trips are all made one at a time.
  [[nodiscard]] std::uint64_t burst() const noexcept { return count / 2; }
  [[nodiscard]] std::uint64_t singles() const noexcept { return count - burst(); }
  [[nodiscard]] bool shared_cpu() const noexcept { return sender_cpu == receiver_cpu; }
};

/// ETIMEDOUT: a notification never came.
[[nodiscard]] Result<Figures> measure(const Mechanism& mechanism, const Plan& plan);

/// Latency, burst and semantics of a channel that is open.
[[nodiscard]] Result<Figures> measure_open(Channel& channel, Traits traits, const Plan& plan);

}  // namespace bell::compare
