// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/manual_pair.hpp"

#include <doctest/doctest.h>

#include <random>

#include "vdev/devices/echo.hpp"

using namespace bellwire;
using namespace bellwire::testing;
using namespace std::chrono_literals;

namespace {

bellwire_request request(std::uint64_t cookie) {
  bellwire_request made{};
  made.cookie = cookie;
  made.input_length = 16;
  made.output_offset = 64;
  made.output_length = 16;
  return made;
}

}  // namespace

TEST_CASE("nothing happens until the test says so") {
  Echo echo;
  ManualPair pair(echo);
  REQUIRE(pair.queue().submit(request(7)));
  REQUIRE(pair.queue().may_sleep());
  CHECK(pair.ring_if_wanted());
  CHECK_FALSE(pair.guest_sees_interrupt());
  CHECK_FALSE(pair.queue().take().has_value());
  CHECK(pair.device_sees_doorbell());
  CHECK(pair.guest_sees_interrupt());
  CHECK(pair.queue().take()->cookie == 7);
  CHECK_FALSE(pair.device_sees_doorbell());
  CHECK_FALSE(pair.guest_sees_interrupt());
}

TEST_CASE("time passes when the test lets it, and the device ticks by it") {
  Echo echo;
  ManualPair pair(echo);
  const auto& beat = pair.device_line().beat;
  const auto before = beat;
  pair.pass(99ms);
  CHECK(beat == before);
  pair.pass(1ms);
  CHECK(beat == before + 1);
  pair.pass(10s);
  CHECK(beat == before + 101);
  CHECK(pair.now() == 10'100ms);
}

// Whatever the order in which things are seen: a side that sleeps is woken for what it waits for.
TEST_CASE("no order of events loses a request") {
  for (unsigned seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Digest digest;
    ManualPair pair(digest);
    constexpr std::uint64_t wanted = 40;
    std::uint64_t submitted = 0, taken = 0;
    bool asleep = false;
    for (unsigned step = 0; taken < wanted; ++step) {
      REQUIRE(step < 10'000);
      switch (random() % 6) {
        case 0:
          if (submitted < wanted && pair.queue().submit(request(submitted))) ++submitted;
          break;
        case 1:
          pair.ring_if_wanted();
          break;
        case 2:
          pair.device_sees_doorbell();
          break;
        case 3:
          if (pair.guest_sees_interrupt()) asleep = false;
          break;
        case 4:
          if (asleep) break;
          if (const auto completion = pair.queue().take())
            REQUIRE(completion->cookie == taken++);
          else
            asleep = pair.queue().may_sleep();
          break;
        case 5:
          if (random() % 20 == 0) {
            pair.restart_device();
            pair.device_looks();
          }
          break;
      }
    }
    CHECK(submitted == wanted);
  }
}
