// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/trace/clock.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <limits>

using bellwire::trace::Bound;
using bellwire::trace::Clock;

namespace {

constexpr std::uint64_t span = 1'000'000;

Bound least(std::uint64_t when, std::int64_t value, bool sure = true) {
  return {.when = when, .value = value, .is_least = true, .sure = sure};
}
Bound most(std::uint64_t when, std::int64_t value, bool sure = true) {
  return {.when = when, .value = value, .is_least = false, .sure = sure};
}

}  // namespace

TEST_CASE("the offset is in the middle of what it can be, within half the gap") {
  const Clock clock({least(1, 90), most(2, 130), least(3, 100), most(4, 120)}, span);
  CHECK(clock.offset(0) == 110);
  CHECK(clock.offset(99) == 110);
  CHECK(clock.uncertainty() == 10);
  CHECK(clock.contradictions() == 0);
}

TEST_CASE("what is only likely narrows it, but not against what is sure") {
  const Clock clock({least(1, 90), most(2, 130), least(3, 110, false), least(4, 140, false)}, span);
  CHECK(clock.offset(0) == 120);
  CHECK(clock.uncertainty() == 10);
  CHECK(clock.contradictions() == 1);
}

TEST_CASE("clocks that drift are followed, and it is said") {
  std::vector<Bound> bounds;
  for (std::uint64_t when = 0; when < 1000; ++when) {
    const auto truth = static_cast<std::int64_t>(when);
    bounds.push_back(least(when, truth - 10));
    bounds.push_back(most(when, truth + 10));
  }
  const Clock clock(bounds, span);
  CHECK(clock.contradictions() > 10);
  CHECK(clock.uncertainty() <= 10);
  for (std::uint64_t when = 0; when < 1000; when += 100)
    CHECK(std::abs(clock.offset(when) - static_cast<std::int64_t>(when)) <= 40);
}

TEST_CASE("without bounds from both sides nothing is claimed to be known") {
  CHECK(Clock({least(1, 50)}, span).uncertainty() == span);
  CHECK(Clock({least(1, 50), least(2, 70)}, span).offset(5) == 70);
  CHECK(Clock({}, span).offset(5) == 0);
  CHECK(Clock().uncertainty() == 0);
}

TEST_CASE("the wildest bounds are only numbers") {
  constexpr auto low = std::numeric_limits<std::int64_t>::min();
  constexpr auto high = std::numeric_limits<std::int64_t>::max();
  const Clock clock({least(~0ULL, low), most(0, high), least(5, high), most(6, low)}, span);
  CHECK(clock.contradictions() > 0);
}
