// SPDX-License-Identifier: BSD-3-Clause
//
// What is measured of a mechanism.
#pragma once

#include <cstdint>
#include <optional>

#include "guest-kmod/bell/histogram.hpp"

namespace bell::compare {

/// One at a time, to a receiver that sleeps.
struct Latency {
  std::uint64_t count = 0;
  std::uint64_t sleeps = 0;  ///< of the receiver meanwhile
  Histogram times;           ///< ns
};

/// As fast as the sender can.
struct Burst {
  std::uint64_t sent = 0;
  std::uint64_t taken = 0;
  std::uint64_t waits = 0;    ///< that they were taken in
  std::uint64_t wakeups = 0;  ///< times that the receiver slept and was woken
  double seconds = 0;

  [[nodiscard]] std::uint64_t lost() const noexcept { return sent - taken; }
  [[nodiscard]] double per_second() const noexcept {
    return seconds > 0 ? static_cast<double>(taken) / seconds : 0;
  }
};

struct Setup {
  double first_us = 0;      ///< from nothing to the first notification taken
  double teardown_us = 0;   ///< from there to nothing
  std::uint64_t calls = 0;  ///< system calls until the first notification
};

/// As seen, not as promised.
struct Semantics {
  bool coalesces = false;  ///< one wait took several
  bool carries_data = false;
  bool data_right = true;            ///< each number as it was sent
  std::optional<bool> keeps_order;   ///< of what carries data
  std::optional<bool> from_hardirq;  ///< of what the kernel sends
};

struct Figures {
  Latency latency;
  std::optional<Burst> burst;  ///< none of a round trip
  Setup setup;
  Semantics semantics;
};

}  // namespace bell::compare
