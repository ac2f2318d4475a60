// SPDX-License-Identifier: BSD-3-Clause
//
// A request that its device works on does not hang, however long that takes; one behind it that
// nobody announced does.
#include <doctest/doctest.h>

#include "vdev/ring/driver_watch.hpp"
#include "vdev/ring/watchdog.hpp"
#include "vdev/testing/in_flight_scene.hpp"

using namespace bellwire;
using namespace std::chrono_literals;
using bellwire::testing::Driver;
using ring::DriverWatch;
using ring::StallDetector;
using ring::Watchdog;
using Scene = bellwire::testing::InFlightScene;
using Advice = DriverWatch::Advice;

namespace {

// Publishes one more, whose doorbell is lost.
void lose_doorbell(Scene& scene, Driver& driver) {
  bellwire_request made{};
  made.cookie = scene.submitted++;
  REQUIRE(driver.queue().submit(made));
  REQUIRE(driver.queue().publish());
  driver.module_queue().note_ring();
}

void check_hang(Driver& driver, std::uint32_t request, bellwire_stage last) {
  const auto hang = ring::find_hang(driver.raw_queue());
  REQUIRE(hang.has_value());
  CHECK(hang->request == request);
  CHECK(hang->last == last);
}

}  // namespace

TEST_CASE("the oldest request that makes no progress is named, those in flight only if none does") {
  Scene scene;
  auto driver = scene.begin();
  scene.submit(driver, 3);
  check_hang(driver, 0, BELLWIRE_TAKEN);
  lose_doorbell(scene, driver);
  check_hang(driver, 3, BELLWIRE_RUNG);
  scene.turn();
  check_hang(driver, 0, BELLWIRE_TAKEN);
  scene.holder.complete_all();
  scene.deliver();
  CHECK(scene.take(driver) == 4);
  CHECK_FALSE(ring::find_hang(driver.raw_queue()).has_value());
}

TEST_CASE("what a dead device had taken is not in flight any more once another has started") {
  Scene scene;
  auto driver = scene.begin();
  scene.submit(driver, 2);
  scene.device->stop(scene.holder);
  scene.start(2);
  check_hang(driver, 0, BELLWIRE_WOKEN);
  scene.turn();
  check_hang(driver, 0, BELLWIRE_TAKEN);
}

TEST_CASE("the watchdog leaves requests in flight alone, and serves what is behind them") {
  Scene scene;
  auto driver = scene.begin();
  Watchdog watchdog(driver.raw_queue(), scene.end.interrupts[0]);
  auto now = Watchdog::Clock::now();
  const auto look_for = [&](Watchdog::Duration time) {
    Watchdog::Finding found;
    for (const auto end = now + time;
         now < end && !found.report && !found.lost && found.repair == Watchdog::Repair::none;) {
      now += 100ms;
      found = watchdog.look(now);
    }
    return found;
  };
  scene.submit(driver, 2);
  CHECK(look_for(20s).repair == Watchdog::Repair::none);
  CHECK_FALSE(watchdog.watching());
  lose_doorbell(scene, driver);
  REQUIRE(look_for(3s).repair == Watchdog::Repair::serve);
  scene.device->turn(scene.holder, 0);
  CHECK(scene.holder.held() == 3);
  const auto quiet = look_for(20s);  // the driver has nothing to go on with
  CHECK_FALSE(quiet.report.has_value());
  scene.holder.complete_all();
  scene.deliver();
  CHECK(scene.take(driver) == 3);
  CHECK(look_for(1s).lost == BELLWIRE_HOP_DOORBELL);
}

TEST_CASE("the driver's side waits for a device that beats, and says once that it takes long") {
  Scene scene;
  auto driver = scene.begin();
  ring::DeviceSigns signs{
      .state = BELLWIRE_DEVICE_RUNNING, .incarnation = 1, .beat = 5, .doorbells = 1};
  DriverWatch watch(driver.raw_queue());
  watch.begin(signs);
  auto now = DriverWatch::Clock::now();
  scene.submit(driver, 2);
  unsigned reports = 0;
  for (unsigned looks = 0; looks < 200; ++looks) {
    now += DriverWatch::pause;
    signs.beat += 3;
    (void)watch.look(now, signs);
    CHECK(watch.suspects());
    CHECK_FALSE(watch.hopeless(now));
    if (const auto report = watch.report()) {
      ++reports;
      CHECK(report->find("taken by the device") != std::string::npos);
      CHECK(report->find("at work") != std::string::npos);
    }
  }
  CHECK(reports == 1);
  CHECK(watch.losses() == 0);
  scene.holder.complete_all();
  scene.deliver();
  CHECK(watch.settle(now, signs));
  CHECK(scene.take(driver) == 2);
  CHECK(watch.look(now, signs) == Advice::done);
  CHECK_FALSE(watch.at_work());
  CHECK(watch.losses() == 0);
}

TEST_CASE("a device that dies with requests in flight is reported as gone") {
  Scene scene;
  auto driver = scene.begin();
  ring::DeviceSigns signs{
      .state = BELLWIRE_DEVICE_RUNNING, .incarnation = 1, .beat = 5, .doorbells = 1};
  DriverWatch watch(driver.raw_queue());
  watch.begin(signs);
  auto now = DriverWatch::Clock::now();
  scene.submit(driver, 1);
  signs.state = BELLWIRE_DEVICE_DIED;
  for (unsigned looks = 0; looks < 60; ++looks) {
    now += DriverWatch::pause;
    (void)watch.look(now, signs);
    CHECK_FALSE(watch.at_work());
  }
  CHECK(watch.report()->find("the device is gone") != std::string::npos);
  CHECK(watch.hopeless(now).has_value());
}

TEST_CASE("the driver's side finds a lost doorbell behind requests in flight") {
  Scene scene;
  auto driver = scene.begin();
  ring::DeviceSigns signs{.state = BELLWIRE_DEVICE_RUNNING,
                          .incarnation = 1,
                          .beat = 5,
                          .doorbells = driver.control().status.doorbells};
  DriverWatch watch(driver.raw_queue());
  watch.begin(signs);
  auto now = DriverWatch::Clock::now();
  scene.submit(driver, 2);
  signs.doorbells = driver.control().status.doorbells;
  lose_doorbell(scene, driver);
  signs.doorbells += 2;  // it, and the next one
  REQUIRE(watch.look(now += 1s, signs) == Advice::ring);
  scene.device->turn(scene.holder, 1);
  CHECK(scene.holder.held() == 3);
  (void)watch.look(now += DriverWatch::pause, signs);
  signs.beat += 3;
  (void)watch.look(now += DriverWatch::pause, signs);
  CHECK(watch.losses() == 1);
  CHECK(driver.control().consume.lost[BELLWIRE_HOP_DOORBELL] == 1);
  CHECK(driver.control().consume.lost_request == 2);
}

TEST_CASE("a queue has not stalled while a device that beats works on all its requests") {
  Scene scene;
  auto driver = scene.begin();
  const auto layout = ring::Layout::open(scene.end.memory).value();
  StallDetector stall(layout, 0);
  auto now = StallDetector::Clock::now();
  scene.submit(driver, 2);
  auto& beat = layout.device_line().beat;
  for (unsigned looks = 0; looks < 200; ++looks) {
    ring::store(beat, beat + 1, ring::release);
    CHECK(stall.look(now += 100ms) == StallDetector::Finding::nothing);
  }
  auto found = StallDetector::Finding::nothing;
  for (unsigned looks = 0; looks < 60; ++looks) found = stall.look(now += 100ms);
  CHECK(found == StallDetector::Finding::hopeless);
  CHECK(stall.describe().find("stuck device") != std::string::npos);
}
