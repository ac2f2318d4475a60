// SPDX-License-Identifier: BSD-3-Clause
//
// Traffic: rings a device many times and checks every completion: each request completes once, in
// order, with the right answer. For one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "guest-kmod/bell/device/claimed_queue.hpp"

namespace bell {

/// A hop that is lost on purpose, to see that it is noticed.
struct Loss {
  LostHop hop;
  std::uint64_t kick;  ///< the kick that it belongs to, counted from 1
};

struct TrafficOptions {
  ClaimOptions claim;
  std::uint64_t count = 10000;       ///< requests
  std::uint32_t depth = 1;           ///< requests under way at most
  std::uint32_t payload = 64;        ///< bytes of each request's input
  std::uint32_t until_restarts = 0;  ///< if not 0: instead of `count` requests, as many as it
                                     ///< takes until the device was restarted so often
  std::optional<Loss> loss;
  bool trace = false;  ///< records, for hop_p50_us and kick_p50_us
};

struct TrafficResult {
  std::uint64_t rings = 0;  ///< requests submitted
  std::uint64_t completions = 0;
  std::uint64_t lost = 0;        ///< requests whose completion was skipped
  std::uint64_t hung = 0;        ///< requests that hung: a hop was lost, or they never came back
  std::uint64_t duplicated = 0;  ///< completions of requests that had one
  std::uint64_t corrupted = 0;   ///< completions with a wrong answer, of a device that bell knows
  std::uint64_t doorbells = 0;   ///< writes to the Doorbell register
  std::uint64_t interrupts = 0;  ///< that the module received
  std::uint64_t raises = 0;      ///< interrupts that the device raised, since the queue was claimed
  std::uint64_t recovered_doorbells = 0;   ///< that had not come, since the queue was claimed:
  std::uint64_t recovered_interrupts = 0;  ///< a look of the module replaced them
  std::uint32_t restarts = 0;              ///< of the device, while it ran
  double p50_us = 0;                       ///< from submitting a request to taking its completion
  double p99_us = 0;
  double per_second = 0;  ///< completions
  /// From the module's doorbell to its interrupt; 0 without trace, or at a depth above 1.
  double hop_p50_us = 0;
  double kick_p50_us = 0;  ///< time that a kick took the process; 0 without trace
  std::string failure;     ///< why it ended early; empty if it didn't

  [[nodiscard]] bool good() const noexcept {
    return failure.empty() && rings == completions && lost + hung + duplicated + corrupted == 0;
  }
};

/// Returns an error only if the traffic could not begin.
[[nodiscard]] Result<TrafficResult> run_traffic(const TrafficOptions& options);

}  // namespace bell
