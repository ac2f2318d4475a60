// SPDX-License-Identifier: BSD-3-Clause
//
// The kernel module's rule is the same as ours, written in C.
#include "vdev/ring/look_time.hpp"

#include <doctest/doctest.h>

#include <random>

// It mixes signed and unsigned numbers, as the kernel does.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "guest-kmod/module/look_time.h"
#pragma GCC diagnostic pop

using namespace bellwire;
using ring::LookTime;

TEST_CASE(
    "a round trip that a pause made long is soon forgotten, and one that stays long is learnt") {
  using namespace std::chrono_literals;
  LookTime look;
  for (int i = 0; i < 100; ++i) look.measured(50us);
  CHECK(look.time() == LookTime::least);
  look.measured(2s);
  CHECK(look.time() < 50ms);
  for (int i = 0; i < 20; ++i) look.measured(50us);
  CHECK(look.time() == LookTime::least);
  for (int i = 0; i < 40; ++i) look.measured(300ms);
  CHECK(look.time() >= 300ms);
}

TEST_CASE("the kernel module waits as long as we do, whatever it measures and finds") {
  std::mt19937_64 random;
  std::uniform_int_distribution<unsigned> bits(0, 36), one_in_four(0, 3);  // up to a minute
  LookTime ours;
  bell_look_time kernels{};
  CHECK(ours.time() == LookTime::first);
  unsigned changes = 0;
  for (int i = 0; i < 100'000; ++i) {
    const auto before = ours.time();
    if (one_in_four(random) == 0) {
      const LookTime::Duration took(random() >> (63 - bits(random)) >> 1);
      ours.measured(took);
      bell_look_time_measured(&kernels, static_cast<std::uint64_t>(took.count()));
    } else {
      const bool changed = one_in_four(random) == 0;
      ours.looked(changed);
      bell_look_time_looked(&kernels, changed);
    }
    REQUIRE(ours.time().count() == static_cast<std::int64_t>(bell_look_time_ns(&kernels)));
    if (ours.time() != before) ++changes;
  }
  CHECK(changes > 1'000);
}
