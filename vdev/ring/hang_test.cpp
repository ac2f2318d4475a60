// SPDX-License-Identifier: BSD-3-Clause
//
// Hops that are left out on purpose, one after the other: each is named.
#include "vdev/ring/hang.hpp"

#include <doctest/doctest.h>

#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/testing/wires.hpp"

using namespace bellwire;
using namespace std::chrono_literals;
using bellwire::testing::Wires;

namespace {

// Both sides of a queue, and no wires: nobody is woken but by the test.
struct Pair final : ring::RequestHandler {
  Pair() : end(Wires::create(1).device_end()) {
    ring::format(end.memory.bytes(), 1).value();
    queue = ring::Layout::open(end.memory).value().queue(0);
    device.emplace(*queue, end.interrupts[0], 1);
    driver.emplace(*queue, ring::begin_generation(*queue));
    turn();
  }
  ring::Reply serve(const ring::Request&) noexcept override {
    while_served = ring::find_hang(*queue);
    return {};
  }
  void turn() { device->turn(*this, 1); }
  // The driver sleeps, and waits for its interrupt.
  void submit() {
    driver->submit({});
    CHECK(driver->may_sleep());
    CHECK(driver->publish());
  }
  void module(bellwire_stage stage, std::uint32_t index) const {
    ring::TraceWriter(*queue, BELLWIRE_MODULE).note(stage, 1, index);
  }
  [[nodiscard]] bellwire_stage last() const {
    const auto hang = ring::find_hang(*queue);
    REQUIRE(hang.has_value());
    return hang->last;
  }

  Attachment end;
  std::optional<ring::Queue> queue;
  std::optional<ring::DeviceQueue> device;
  std::optional<ring::DriverQueue> driver;
  std::optional<ring::Hang> while_served;
};

}  // namespace

TEST_CASE("a request that hangs is told with the last that was done for it") {
  Pair pair;
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

TEST_CASE("who is awake waits for nobody") {
  Pair pair;
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
  Pair pair;
  pair.submit();
  ring::end_generation(*pair.queue);
  CHECK_FALSE(ring::find_hang(*pair.queue).has_value());
  ring::begin_generation(*pair.queue);
  CHECK_FALSE(ring::find_hang(*pair.queue).has_value());
}

TEST_CASE("a hang in words") {
  CHECK(ring::describe({1, 4711, BELLWIRE_RUNG}, 2s) ==
        "request 4711: doorbell written 2.0 s ago, never seen by the device: lost kick");
  CHECK(ring::describe({1, 7, BELLWIRE_RAISED}, 1500ms) ==
        "request 7: completion posted and interrupt raised 1.5 s ago, no interrupt taken: lost "
        "interrupt");
}

TEST_CASE("a watchdog tells what stays, once, and watches no longer") {
  Pair pair;
  ring::Watchdog watchdog(*pair.queue);
  const auto now = ring::Watchdog::Clock::now();
  const auto late = ring::Watchdog::patience;
  CHECK_FALSE(watchdog.look(now).has_value());
  CHECK_FALSE(watchdog.watching());
  pair.submit();
  CHECK_FALSE(watchdog.look(now).has_value());
  CHECK(watchdog.watching());
  pair.turn();  // progress: the clock starts anew
  CHECK_FALSE(watchdog.look(now + late).has_value());
  CHECK(watchdog.watching());
  const auto told = watchdog.look(now + 2 * late);
  REQUIRE(told.has_value());
  CHECK(told->find("lost interrupt") != std::string::npos);
  CHECK_FALSE(watchdog.watching());
  CHECK_FALSE(watchdog.look(now + 9 * late).has_value());
}
