// SPDX-License-Identifier: BSD-3-Clause
//
// Traffic: rings a device many times and checks every completion: each comes once, in order, with
// the answer that its request asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "guest-kmod/bell/session.hpp"

namespace bell {

/// A hop that is lost on purpose, to see who notices.
struct Loss {
  Hop hop;
  std::uint64_t kick;  ///< on the way of this one, from 1 on
};

struct TrafficOptions {
  SessionOptions session;
  std::uint64_t count = 10000;       ///< requests
  std::uint32_t depth = 1;           ///< requests under way at most
  std::uint32_t payload = 64;        ///< bytes of each request's input
  std::uint32_t until_restarts = 0;  ///< if not 0: not `count` requests, but until the device was
                                     ///< started anew so often
  std::optional<Loss> loss;
  bool trace = false;  ///< for the hop and the kick of TrafficResult
};

struct TrafficResult {
  std::uint64_t rings = 0;  ///< requests submitted
  std::uint64_t completions = 0;
  std::uint64_t lost = 0;        ///< requests whose completion was skipped
  std::uint64_t hung = 0;        ///< requests that hung: a hop was lost, or they never came back
  std::uint64_t duplicated = 0;  ///< completions of requests that had one
  std::uint64_t corrupted = 0;   ///< completions with another answer than asked for
  std::uint64_t doorbells = 0;   ///< writes to the Doorbell register
  std::uint64_t interrupts = 0;  ///< that the module had
  std::uint64_t raises = 0;      ///< interrupts that the device raised, since the queue was claimed
  std::uint32_t restarts = 0;    ///< of the device, while it ran
  double p50_us = 0;             ///< from submitting a request to having its completion
  double p99_us = 0;
  double per_second = 0;  ///< completions
  /// From the module's doorbell to its interrupt, with trace at depth 1; else 0.
  double hop_p50_us = 0;
  double kick_p50_us = 0;  ///< that a kick took the process, with trace; else 0
  std::string failure;     ///< why it ended early; empty if it didn't

  [[nodiscard]] bool good() const noexcept {
    return failure.empty() && rings == completions && lost + hung + duplicated + corrupted == 0;
  }
};

/// An error: it could not even begin.
[[nodiscard]] Result<TrafficResult> run_traffic(const TrafficOptions& options);

}  // namespace bell
