// SPDX-License-Identifier: BSD-3-Clause
//
// Hops that are left out on purpose, one after the other: each is named.
#include "vdev/ring/hang.hpp"

#include <doctest/doctest.h>

#include "vdev/testing/queue_pair.hpp"

using namespace bellwire;
using namespace std::chrono_literals;
using bellwire::testing::QueuePair;

TEST_CASE("a request that hangs is reported with the last step that was done for it") {
  QueuePair pair;
  for (std::uint32_t request = 0; request < 3; ++request) {
    CHECK_FALSE(ring::find_hang(*pair.queue).has_value());
    pair.submit();
    CHECK(pair.last() == BELLWIRE_SUBMITTED);
    pair.module(BELLWIRE_KICKED, request + 1);
    CHECK(pair.last() == BELLWIRE_KICKED);
    pair.module(BELLWIRE_RUNG, request + 1);
    CHECK(pair.last() == BELLWIRE_RUNG);
    CHECK(ring::find_hang(*pair.queue)->request == request);
    pair.turn();
    REQUIRE(pair.while_served.has_value());
    CHECK(pair.while_served->last == BELLWIRE_TAKEN);
    CHECK(pair.last() == BELLWIRE_RAISED);
    pair.module(BELLWIRE_INTERRUPTED, request + 1);
    CHECK(pair.last() == BELLWIRE_INTERRUPTED);
    pair.module(BELLWIRE_SIGNALLED, request + 1);
    CHECK(pair.last() == BELLWIRE_SIGNALLED);
    pair.driver->awake();
    CHECK(pair.last() == BELLWIRE_AWAKE);
    CHECK(pair.driver->take().has_value());
  }
}

TEST_CASE("a side that is awake waits for nobody") {
  QueuePair pair;
  pair.driver->submit({});
  CHECK(pair.driver->publish());
  pair.turn();
  CHECK(pair.driver->take().has_value());
  pair.driver->submit({});
  static_cast<void>(pair.driver->publish());
  pair.turn();
  CHECK_FALSE(ring::find_hang(*pair.queue).has_value());  // the driver polls
}

TEST_CASE("a driver that left, or began anew, has nothing that hangs") {
  QueuePair pair;
  pair.submit();
  ring::end_generation(*pair.queue);
  CHECK_FALSE(ring::find_hang(*pair.queue).has_value());
  ring::begin_generation(*pair.queue);
  CHECK_FALSE(ring::find_hang(*pair.queue).has_value());
}

TEST_CASE("a hang in words") {
  CHECK(ring::describe({1, 4711, BELLWIRE_RUNG}, 2s) ==
        "request 4711: doorbell written 2.0 s ago, never seen by the device: lost doorbell");
  CHECK(ring::describe({1, 7, BELLWIRE_RAISED}, 1500ms) ==
        "request 7: completion posted and interrupt raised 1.5 s ago, no interrupt taken: lost "
        "interrupt");
  CHECK(ring::describe({1, 7, BELLWIRE_INTERRUPTED}, 1s) ==
        "request 7: interrupt taken 1.0 s ago, call never signalled: lost call");
  CHECK(ring::describe({1, 7, BELLWIRE_SIGNALLED}, 1s) ==
        "request 7: call eventfd signalled 1.0 s ago, process never awake: lost wake");
  CHECK(ring::describe({1, 4711, BELLWIRE_RUNG}, 2s, "the device is paused") ==
        "request 4711: doorbell written 2.0 s ago, never seen by the device: the device is paused");
}

TEST_CASE("each hop has the stage before it, and a side's own work is not a hop") {
  for (unsigned hop = 0; hop < BELLWIRE_HOPS; ++hop)
    CHECK(ring::hop_after(ring::stage_before(static_cast<bellwire_hop>(hop))) == hop);
  for (const auto stage : {BELLWIRE_KICKED, BELLWIRE_WOKEN, BELLWIRE_TAKEN, BELLWIRE_POSTED,
                           BELLWIRE_AWAKE, BELLWIRE_CONSUMED})
    CHECK_FALSE(ring::hop_after(stage).has_value());
}
