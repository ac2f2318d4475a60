// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/core/poll_time.hpp"

#include <doctest/doctest.h>

#include <random>

#include "guest-kmod/module/poll_time.h"

using namespace bellwire;
using namespace std::chrono_literals;

TEST_CASE("off never looks, always never sleeps, whatever comes") {
  PollTime off(Polling::off), always(Polling::always);
  for (const auto gap : {0ns, 1000ns, 1'000'000'000ns}) {
    off.work_came(gap);
    always.work_came(gap);
    CHECK(off.time() == 0ns);
    CHECK(always.time() == PollTime::Duration::max());
  }
}

TEST_CASE("an adaptive one begins asleep, and grows to its bound while gaps are short") {
  PollTime time(Polling::adaptive);
  CHECK(time.time() == 0ns);
  auto before = time.time();
  for (int i = 0; i < 10; ++i) {
    time.work_came(PollTime::usual_most);
    CHECK(time.time() >= before);
    before = time.time();
  }
  CHECK(time.time() == PollTime::usual_most);
}

TEST_CASE("it stays when it bridges the gaps") {
  PollTime time(Polling::adaptive);
  time.work_came(5us);
  const auto enough = time.time();
  REQUIRE(enough >= 5us);
  for (int i = 0; i < 10; ++i) time.work_came(5us);
  CHECK(time.time() == enough);
}

TEST_CASE("gaps that no look would bridge take it down to nothing") {
  PollTime time(Polling::adaptive);
  for (int i = 0; i < 10; ++i) time.work_came(PollTime::usual_most);
  for (int i = 0; i < 10; ++i) time.work_came(1s);
  CHECK(time.time() == 0ns);
}

TEST_CASE("a bound under the least is kept, and used whole") {
  for (const auto most : {1us, 5us, 9us}) {
    PollTime time(Polling::adaptive, most);
    time.work_came(most);
    CHECK(time.time() == most);
    time.work_came(most / 2);
    CHECK(time.time() == most);
    time.work_came(1s);
    CHECK(time.time() == 0ns);
  }
}

// The kernel module's rule is the same, written in C.
TEST_CASE("the kernel module decides as we do, whatever the gaps and the bound") {
  std::mt19937_64 random;
  for (const auto most : {0ns, 1ns, 900ns, 9'999ns, 10'000ns, 10'001ns, 200'000ns, 50'000'000ns}) {
    PollTime ours(Polling::adaptive, most);
    bell_poll_time kernels{};
    std::uniform_int_distribution<unsigned> bits(0, 33);  // up to 8 s
    unsigned changes = 0;
    for (int i = 0; i < 10'000; ++i) {
      const std::chrono::nanoseconds gap(random() >> (63 - bits(random)) >> 1);
      const auto before = ours.time();
      ours.work_came(gap);
      bell_poll_time_kicked(&kernels, static_cast<std::uint64_t>(gap.count()),
                            static_cast<std::uint64_t>(most.count()));
      REQUIRE(ours.time().count() == static_cast<std::int64_t>(kernels.ns));
      if (ours.time() != before) ++changes;
    }
    CHECK((changes > 100) == (most > 0ns));
  }
}
