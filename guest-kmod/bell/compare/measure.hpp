// SPDX-License-Identifier: BSD-3-Clause
//
// Measures a channel between two processes: this one sends, one that it forks receives.
#pragma once

#include "guest-kmod/bell/compare/figures.hpp"
#include "guest-kmod/bell/compare/mechanism.hpp"

namespace bell::compare {

struct Plan {
  std::uint64_t count = 10'000;  ///< notifications, one at a time
  int sender_cpu = 0;
  int receiver_cpu = 0;
  bool once = true;  ///< also what one look tells: system calls, whether it works in an interrupt

  [[nodiscard]] std::uint64_t burst() const noexcept { return (count + 3) / 4; }
  [[nodiscard]] bool shared_cpu() const noexcept { return sender_cpu == receiver_cpu; }
};

/// ETIMEDOUT: a notification never came.
[[nodiscard]] Result<Figures> measure(const Mechanism& mechanism, const Plan& plan);

/// Latency, burst and semantics of a channel that is open.
[[nodiscard]] Result<Figures> measure_open(Channel& channel, Traits traits, const Plan& plan);

}  // namespace bell::compare
