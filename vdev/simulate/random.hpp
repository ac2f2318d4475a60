// SPDX-License-Identifier: BSD-3-Clause
//
// Random: what is left to chance in a simulation, all drawn from one seed. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <span>

namespace bellwire::simulate {

class Random {
 public:
  using Duration = std::chrono::nanoseconds;

  explicit Random(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] std::uint64_t next() { return engine_(); }
  /// From 0 to `end` - 1.
  [[nodiscard]] std::uint64_t below(std::uint64_t end) { return engine_() % end; }
  [[nodiscard]] bool one_in(std::uint64_t times) { return below(times) == 0; }
  template <class Value, std::size_t count>
  [[nodiscard]] Value one_of(const Value (&values)[count]) {
    return values[below(count)];
  }
  /// Between the two; each order of magnitude is as likely as the next.
  [[nodiscard]] Duration time(Duration least, Duration most) {
    auto longest = least;
    while (longest < most && !one_in(3)) longest *= 4;
    longest = longest < most ? longest : most;
    return Duration(
        longest.count() / 2 +
        static_cast<Duration::rep>(below(static_cast<std::uint64_t>(longest.count() / 2 + 1))));
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace bellwire::simulate
