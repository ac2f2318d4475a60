// SPDX-License-Identifier: BSD-3-Clause
//
// What is measured of a mechanism. Each part of a Measurement can be added to that of another round
// of the same mechanism. Plain values; Tally is filled by the receiver alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "guest-kmod/bell/compare/mechanisms/mechanism.hpp"
#include "vdev/core/statistics.hpp"

namespace bell::compare {

using bellwire::Histogram;

inline void append(std::vector<double>& figures, const std::vector<double>& more) {
  figures.insert(figures.end(), more.begin(), more.end());
}

/// Notifications that were sent one at a time, to a receiver that sleeps.
struct Latency {
  std::uint64_t count = 0;
  std::uint64_t sleeps = 0;  ///< times that the receiver slept meanwhile
  Histogram times;           ///< ns

  void add(const Latency& other) noexcept {
    count += other.count;
    sleeps += other.sleeps;
    times.add(other.times);
  }
};

/// Notifications that were sent as fast as the sender can.
struct Burst {
  std::uint64_t sent = 0;
  std::uint64_t taken = 0;
  std::uint64_t waits = 0;           ///< that returned them
  std::uint64_t wakeups = 0;         ///< times that the receiver slept and was woken
  std::vector<double> per_second{};  ///< of each burst

  [[nodiscard]] std::uint64_t lost() const noexcept { return sent - taken; }
  /// Computes the rate, once the burst has ended after `time_ns`.
  void set_duration(std::uint64_t time_ns) {
    if (time_ns > 0)
      per_second.push_back(static_cast<double>(taken) * 1e9 / static_cast<double>(time_ns));
  }
  void add(const Burst& other) {
    sent += other.sent;
    taken += other.taken;
    waits += other.waits;
    wakeups += other.wakeups;
    append(per_second, other.per_second);
  }
};

struct Setup {
  std::vector<double> first_us;     ///< from nothing to the first notification received
  std::vector<double> teardown_us;  ///< from there to nothing
  std::uint64_t calls = 0;          ///< system calls until the first notification

  void add(const Setup& other) {
    append(first_us, other.first_us);
    append(teardown_us, other.teardown_us);
    calls = std::max(calls, other.calls);
  }
};

/// As observed, not as documented.
struct Semantics {
  bool coalesces = false;  ///< one wait returned several notifications
  bool carries_data = false;
  bool data_right = true;            ///< each number arrived as it was sent
  std::optional<bool> keeps_order;   ///< empty: it carries no data
  std::optional<bool> from_hardirq;  ///< empty: the kernel is not the sender

  void add(const Semantics& other) noexcept {
    coalesces = coalesces || other.coalesces;
    carries_data = carries_data && other.carries_data;
    data_right = data_right && other.data_right;
    if (other.keeps_order) keeps_order = keeps_order.value_or(true) && *other.keeps_order;
    if (other.from_hardirq) from_hardirq = from_hardirq.value_or(true) && *other.from_hardirq;
  }
};

struct Measurement {
  Latency latency;
  std::optional<Burst> burst;  ///< empty: a round trip has none
  Setup setup;
  Semantics semantics;

  void add(const Measurement& other) {
    latency.add(other.latency);
    if (burst && other.burst) burst->add(*other.burst);
    setup.add(other.setup);
    semantics.add(other.semantics);
  }
};

/// What a receiver saw of the notifications, which are numbered from 1.
struct Tally {
  std::uint64_t taken = 0;       ///< notifications
  std::uint64_t waits = 0;       ///< that returned them
  std::uint64_t numbers = 0;     ///< that they carried
  std::uint64_t sum = 0;         ///< of these numbers
  std::uint64_t disordered = 0;  ///< numbers that were not above the one before
  std::uint64_t last = 0;

  void add(const Received& received, std::span<const std::uint64_t> numbers_received) noexcept {
    for (const auto number : numbers_received.first(received.numbers)) {
      disordered += number <= last ? 1 : 0;
      sum += number;
      last = number;
    }
    numbers += received.numbers;
    ++waits;
    taken += received.count;
  }

  /// After `sent` were sent, and no more arrived.
  [[nodiscard]] Semantics semantics(std::uint64_t sent) const noexcept {
    const bool data = numbers == taken;
    return {.coalesces = waits < taken,
            .carries_data = data,
            .data_right = !data || taken < sent || sum == sent * (sent + 1) / 2,
            .keeps_order = data ? std::optional(disordered == 0) : std::nullopt,
            .from_hardirq = {}};
  }
};

}  // namespace bell::compare
