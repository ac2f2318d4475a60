// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/simulation.hpp"

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
  Simulation play(echo);
  REQUIRE(play.queue().submit(request(7)));
  REQUIRE(play.queue().may_sleep());
  CHECK(play.ring_if_wanted());
  CHECK_FALSE(play.guest_sees_interrupt());
  CHECK_FALSE(play.queue().take().has_value());
  CHECK(play.device_sees_doorbell());
  CHECK(play.guest_sees_interrupt());
  CHECK(play.queue().take()->cookie == 7);
  CHECK_FALSE(play.device_sees_doorbell());
  CHECK_FALSE(play.guest_sees_interrupt());
}

TEST_CASE("time passes when the test lets it, and the device ticks by it") {
  Echo echo;
  Simulation play(echo);
  const auto& beat = play.device_line().beat;
  const auto before = beat;
  play.pass(99ms);
  CHECK(beat == before);
  play.pass(1ms);
  CHECK(beat == before + 1);
  play.pass(10s);
  CHECK(beat == before + 101);
  CHECK(play.now() == 10'100ms);
}

// Whatever the order in which things are seen: a side that sleeps is woken for what it waits for.
TEST_CASE("no order of events loses a request") {
  for (unsigned seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Digest digest;
    Simulation play(digest);
    constexpr std::uint64_t wanted = 40;
    std::uint64_t submitted = 0, taken = 0;
    bool asleep = false;
    for (unsigned step = 0; taken < wanted; ++step) {
      REQUIRE(step < 10'000);
      switch (random() % 6) {
        case 0:
          if (submitted < wanted && play.queue().submit(request(submitted))) ++submitted;
          break;
        case 1:
          play.ring_if_wanted();
          break;
        case 2:
          play.device_sees_doorbell();
          break;
        case 3:
          if (play.guest_sees_interrupt()) asleep = false;
          break;
        case 4:
          if (asleep) break;
          if (const auto completion = play.queue().take())
            REQUIRE(completion->cookie == taken++);
          else
            asleep = play.queue().may_sleep();
          break;
        case 5:
          if (random() % 20 == 0) {
            play.restart_device();
            play.device_looks();
          }
          break;
      }
    }
    CHECK(submitted == wanted);
  }
}
