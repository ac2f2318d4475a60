// SPDX-License-Identifier: BSD-3-Clause
//
// What is measured of a mechanism, in one round or in several: those of one more round are added.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "guest-kmod/bell/histogram.hpp"

namespace bell::compare {

/// Figures of the same thing, of which the median counts.
class Sample {
 public:
  void add(double figure) { figures_.push_back(figure); }
  void add(const Sample& other) {
    figures_.insert(figures_.end(), other.figures_.begin(), other.figures_.end());
  }
  /// 0 if there is none.
  [[nodiscard]] double median() const {
    if (figures_.empty()) return 0;
    auto sorted = figures_;
    std::ranges::sort(sorted);
    return sorted[sorted.size() / 2];
  }

 private:
  std::vector<double> figures_;
};

/// One at a time, to a receiver that sleeps.
struct Latency {
  std::uint64_t count = 0;
  std::uint64_t sleeps = 0;  ///< of the receiver meanwhile
  Histogram times;           ///< ns

  void add(const Latency& other) noexcept {
    count += other.count;
    sleeps += other.sleeps;
    times.add(other.times);
  }
};

/// As fast as the sender can.
struct Burst {
  std::uint64_t sent = 0;
  std::uint64_t taken = 0;
  std::uint64_t waits = 0;    ///< that they were taken in
  std::uint64_t wakeups = 0;  ///< times that the receiver slept and was woken
  Sample per_second{};        ///< of each burst

  [[nodiscard]] std::uint64_t lost() const noexcept { return sent - taken; }
  /// The burst has ended, after that time.
  void took(std::uint64_t time_ns) {
    if (time_ns > 0)
      per_second.add(static_cast<double>(taken) * 1e9 / static_cast<double>(time_ns));
  }
  void add(const Burst& other) {
    sent += other.sent;
    taken += other.taken;
    waits += other.waits;
    wakeups += other.wakeups;
    per_second.add(other.per_second);
  }
};

struct Setup {
  Sample first_us;          ///< from nothing to the first notification taken
  Sample teardown_us;       ///< from there to nothing
  std::uint64_t calls = 0;  ///< system calls until the first notification

  void add(const Setup& other) {
    first_us.add(other.first_us);
    teardown_us.add(other.teardown_us);
    calls = std::max(calls, other.calls);
  }
};

/// As seen, not as promised.
struct Semantics {
  bool coalesces = false;  ///< one wait took several
  bool carries_data = false;
  bool data_right = true;            ///< each number as it was sent
  std::optional<bool> keeps_order;   ///< of what carries data
  std::optional<bool> from_hardirq;  ///< of what the kernel sends

  void add(const Semantics& other) noexcept {
    coalesces = coalesces || other.coalesces;
    carries_data = carries_data && other.carries_data;
    data_right = data_right && other.data_right;
    if (other.keeps_order) keeps_order = keeps_order.value_or(true) && *other.keeps_order;
    if (other.from_hardirq) from_hardirq = from_hardirq.value_or(true) && *other.from_hardirq;
  }
};

struct Figures {
  Latency latency;
  std::optional<Burst> burst;  ///< none of a round trip
  Setup setup;
  Semantics semantics;

  void add(const Figures& other) {
    latency.add(other.latency);
    if (burst && other.burst) burst->add(*other.burst);
    setup.add(other.setup);
    semantics.add(other.semantics);
  }
};

}  // namespace bell::compare
