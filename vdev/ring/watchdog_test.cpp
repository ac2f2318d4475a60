// SPDX-License-Identifier: BSD-3-Clause
//
// What the device's side makes of a request that does not get on: lost, paused, reset and gone are
// distinguished, and what is lost is repaired. The clock is the test's.
#include "vdev/ring/watchdog.hpp"

#include <doctest/doctest.h>

#include "vdev/testing/queue_pair.hpp"

using namespace bellwire;
using namespace std::chrono_literals;
using bellwire::testing::QueuePair;
using ring::Watchdog;
using Repair = Watchdog::Repair;

namespace {

struct DogScene {
  DogScene() { REQUIRE(pair.take_interrupt()); }

  // As a runner does: ten times a second. What the last look brought that was not empty.
  Watchdog::Finding look_for(Watchdog::Duration time) {
    for (const auto end = now + time; now < end;) {
      now += 100ms;
      auto found = watchdog.look(now);
      if (found.repair != Repair::none || found.report || found.lost) return found;
    }
    return {};
  }
  [[nodiscard]] static bool says(const Watchdog::Finding& found, const char* text) {
    return found.report && found.report->find(text) != std::string::npos;
  }
  void rung() { watchdog.rung(); }

  QueuePair pair;
  Watchdog watchdog{*pair.queue, pair.end.interrupts[0]};
  Watchdog::Clock::time_point now = Watchdog::Clock::now();
};

// Up to the moment at which the module is about to write the doorbell.
void submit(DogScene& scene) {
  const auto next = scene.pair.driver->control().submit.submitted + 1;
  scene.pair.submit();
  scene.pair.module(BELLWIRE_KICKED, next);
  scene.pair.module(BELLWIRE_RUNG, next);
}

}  // namespace

TEST_CASE("a queue in which nothing waits is not watched") {
  DogScene scene;
  CHECK(scene.look_for(10s).repair == Repair::none);
  CHECK_FALSE(scene.watchdog.watching());
}

TEST_CASE("a doorbell that never came is served without, and counted as lost once that is sure") {
  DogScene scene;
  submit(scene);
  CHECK(scene.look_for(1s).repair == Repair::none);
  CHECK(scene.watchdog.watching());
  CHECK(scene.look_for(1s).repair == Repair::serve);
  scene.pair.device->turn(scene.pair, 0);
  CHECK_FALSE(scene.look_for(200ms).report);  // the driver has not reacted yet: nothing is sure
  REQUIRE(scene.pair.driver->take().has_value());
  const auto found = scene.look_for(100ms);
  CHECK(found.lost == BELLWIRE_HOP_DOORBELL);
  CHECK(DogScene::says(found, "lost doorbell"));
  CHECK_FALSE(scene.watchdog.watching());
}

TEST_CASE(
    "what is held in slow motion is neither repaired nor lost, and is reported as that once") {
  DogScene scene;
  submit(scene);
  ring::set_recording(*scene.pair.queue, BELLWIRE_GUEST_STEPS, true);
  CHECK_FALSE(scene.look_for(1s).report);
  CHECK(scene.watchdog.watching());
  const auto found = scene.look_for(1s);
  CHECK(DogScene::says(found, "held in slow motion"));
  CHECK(found.repair == Repair::none);
  CHECK_FALSE(scene.look_for(60s).report);
  CHECK_FALSE(scene.watchdog.watching());
  ring::set_recording(*scene.pair.queue, BELLWIRE_GUEST_STEPS, false);
  CHECK(scene.look_for(2s).repair == Repair::serve);
}

TEST_CASE("a kick that never came is distinguished from a lost doorbell") {
  DogScene scene;
  scene.pair.submit();
  CHECK(scene.look_for(2s).repair == Repair::serve);
  scene.pair.device->turn(scene.pair, 0);
  REQUIRE(scene.pair.driver->take().has_value());
  const auto found = scene.look_for(100ms);
  CHECK(found.lost == BELLWIRE_HOP_KICK);
  CHECK(DogScene::says(found, "lost kick"));
}

TEST_CASE("a loss is one although the driver has left since, but not if it left before") {
  for (const bool took : {true, false}) {
    CAPTURE(took);
    DogScene scene;
    scene.pair.submit();
    CHECK(scene.look_for(2s).repair == Repair::serve);
    scene.pair.device->turn(scene.pair, 0);
    if (took) REQUIRE(scene.pair.driver->take().has_value());
    ring::end_generation(*scene.pair.queue);
    const auto found = scene.look_for(100ms);
    CHECK((found.lost == BELLWIRE_HOP_KICK) == took);
    CHECK(DogScene::says(found, took ? "lost kick" : "the driver is gone"));
  }
}

TEST_CASE("a doorbell of a driver that was paused before it rang is late, not lost") {
  DogScene scene;
  submit(scene);
  CHECK(scene.look_for(2s).repair == Repair::serve);
  scene.pair.device->turn(scene.pair, 0);
  const auto paused = scene.look_for(2s);
  CHECK(DogScene::says(paused, "the driver is paused"));
  CHECK_FALSE(scene.watchdog.watching());  // a paused driver costs no wake-ups
  scene.rung();
  REQUIRE(scene.pair.driver->take().has_value());
  const auto found = scene.look_for(100ms);
  CHECK_FALSE(found.lost);
  CHECK(DogScene::says(found, "was paused, and goes on"));
}

TEST_CASE("a late doorbell that comes before anything was said makes no words at all") {
  DogScene scene;
  submit(scene);
  CHECK(scene.look_for(2s).repair == Repair::serve);
  scene.pair.device->turn(scene.pair, 0);
  scene.rung();
  REQUIRE(scene.pair.driver->take().has_value());
  const auto found = scene.look_for(1s);
  CHECK_FALSE(found.lost);
  CHECK_FALSE(found.report);
}

TEST_CASE("an interrupt that is taken at once when raised again was lost") {
  DogScene scene;
  submit(scene);
  scene.pair.turn();
  REQUIRE(scene.pair.take_interrupt());  // on the wire, where it is lost
  CHECK(scene.look_for(2s).repair == Repair::raise);
  scene.pair.device->raise_again();
  CHECK(scene.pair.take_interrupt());
  scene.pair.module(BELLWIRE_INTERRUPTED, 1);
  const auto found = scene.look_for(100ms);
  CHECK(found.lost == BELLWIRE_HOP_INTERRUPT);
  CHECK(DogScene::says(found, "lost interrupt"));
}

TEST_CASE("an interrupt that nobody takes is a paused guest, and is not lost when it goes on") {
  DogScene scene;
  submit(scene);
  scene.pair.turn();
  SUBCASE("its count stands") {}
  SUBCASE("its count was taken, but no processor runs") {
    REQUIRE(scene.pair.take_interrupt());
  }
  CHECK(scene.look_for(2s).repair == Repair::raise);
  CHECK(DogScene::says(scene.look_for(3s), "the driver is paused"));
  CHECK_FALSE(scene.look_for(60s).report);  // once
  scene.pair.module(BELLWIRE_INTERRUPTED, 1);
  const auto found = scene.look_for(100ms);
  CHECK_FALSE(found.lost);
  CHECK(DogScene::says(found, "was paused, and goes on"));
}

TEST_CASE("a guest that had not even taken the count was paused, however soon it goes on") {
  DogScene scene;
  submit(scene);
  scene.pair.turn();
  CHECK(scene.look_for(2s).repair == Repair::raise);
  scene.pair.module(BELLWIRE_INTERRUPTED, 1);
  CHECK_FALSE(scene.look_for(100ms).lost);
}

TEST_CASE("a guest that begins anew was reset, and one that ends is gone") {
  DogScene scene;
  submit(scene);
  scene.pair.turn();
  CHECK(scene.look_for(2s).repair == Repair::raise);
  ring::end_generation(*scene.pair.queue);
  SUBCASE("gone") {
    CHECK(DogScene::says(scene.look_for(100ms), "the driver is gone"));
  }
  SUBCASE("reset") {
    ring::begin_generation(*scene.pair.queue);
    CHECK(DogScene::says(scene.look_for(100ms), "the driver was reset"));
  }
  CHECK_FALSE(scene.watchdog.watching());
}

TEST_CASE("time in which nobody looked is not held against the driver") {
  DogScene scene;
  submit(scene);
  CHECK(scene.look_for(200ms).repair == Repair::none);
  scene.now += 12s;  // this process was stopped
  CHECK(scene.look_for(1s).repair == Repair::none);
  CHECK(scene.look_for(1s).repair == Repair::serve);
}

TEST_CASE("what the driver found is reported in its words") {
  DogScene scene;
  auto& line = scene.pair.queue->control->consume;
  ring::store(line.lost_request, 49, ring::relaxed);
  ring::store(line.lost_ms, 1300, ring::relaxed);
  ring::store(line.lost[BELLWIRE_HOP_CALL], 1, ring::release);
  const auto found = scene.look_for(100ms);
  CHECK(found.report == "request 49: interrupt taken 1.3 s ago, call never signalled: lost call");
  CHECK_FALSE(found.lost);
  CHECK_FALSE(scene.look_for(1s).report);
  ring::end_generation(*scene.pair.queue);  // its words stay, and mean nothing new
  CHECK_FALSE(scene.look_for(1s).report);
}

TEST_CASE("a ring after a request stood still causes another look") {
  DogScene scene;
  CHECK_FALSE(scene.watchdog.rung());
  submit(scene);
  CHECK_FALSE(scene.look_for(200ms).report);
  CHECK(scene.watchdog.rung());
}
