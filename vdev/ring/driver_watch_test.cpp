// SPDX-License-Identifier: BSD-3-Clause
//
// How the driver's side explains a wait in vain: lost, paused and gone are distinguished, and what
// is lost is repaired. The clock, the module and the device's beat are the test's.
#include "vdev/ring/driver_watch.hpp"

#include <doctest/doctest.h>

#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/queue_pair.hpp"

using namespace bellwire;
using namespace std::chrono_literals;
using bellwire::testing::QueuePair;
using ring::DriverWatch;
using Advice = DriverWatch::Advice;

namespace {

class WatchScene {
 public:
  WatchScene() { watch.begin(signs); }

  // The process's request, as far as that hop; the ones before it happen.
  void lose(bellwire_hop hop) {
    pair.submit();
    if (hop == BELLWIRE_HOP_KICK) return;
    pair.module(BELLWIRE_KICKED, 1);
    ring();
    if (hop == BELLWIRE_HOP_DOORBELL) return;
    pair.turn();
    if (hop == BELLWIRE_HOP_INTERRUPT) return;
    pair.module(BELLWIRE_INTERRUPTED, 1);
    if (hop == BELLWIRE_HOP_CALL) return;
    pair.module(BELLWIRE_SIGNALLED, 1);
  }
  // The module's side of it.
  void ring() {
    pair.module(BELLWIRE_RUNG, 1);
    ++signs.doorbells;
  }
  Advice look(std::chrono::milliseconds later = DriverWatch::pause) {
    now += later;
    return watch.look(now, signs);
  }
  bool settle(std::chrono::milliseconds later = 1ms) {
    now += later;
    return watch.settle(now, signs);
  }
  bool says(const char* text) {
    const auto report = watch.report();
    return report && report->find(text) != std::string::npos;
  }
  [[nodiscard]] std::uint32_t counted(bellwire_hop hop) const {
    return pair.queue->control->consume.lost[hop];
  }

  QueuePair pair;
  DriverWatch watch{*pair.queue};
  ring::DeviceSigns signs{
      .state = BELLWIRE_DEVICE_RUNNING, .incarnation = 1, .beat = 5, .doorbells = 1};
  DriverWatch::Clock::time_point now = DriverWatch::Clock::now();
};

}  // namespace

TEST_CASE("a lost kick is rung for, and counted when the request comes back") {
  WatchScene scene;
  scene.lose(BELLWIRE_HOP_KICK);
  CHECK(scene.look(1s) == Advice::wait);  // the module may only be slow
  CHECK(scene.look() == Advice::ring);
  scene.ring();
  scene.pair.turn();
  CHECK(scene.settle());
  CHECK(scene.says("lost kick"));
  CHECK(scene.counted(BELLWIRE_HOP_KICK) == 1);
  CHECK(scene.pair.queue->control->consume.lost_request == 0);
  CHECK(scene.watch.losses() == 1);
}

TEST_CASE("what a device holds in slow motion is not suspected, and may take any time") {
  WatchScene scene;
  ring::set_recording(*scene.pair.queue, BELLWIRE_HOST_STEPS, true);
  scene.lose(BELLWIRE_HOP_INTERRUPT);
  for (int second = 0; second < 20; ++second) CHECK(scene.look(1s) == Advice::done);
  CHECK(scene.watch.at_work());
  CHECK_FALSE(scene.watch.hopeless(scene.now));
  CHECK_FALSE(scene.watch.report());
  ring::set_recording(*scene.pair.queue, BELLWIRE_HOST_STEPS, false);
  scene.look();
  CHECK_FALSE(scene.watch.at_work());
}

TEST_CASE("a kick that is only late is not lost") {
  WatchScene scene;
  scene.lose(BELLWIRE_HOP_KICK);
  CHECK(scene.look(1s) == Advice::wait);
  CHECK(scene.look() == Advice::ring);
  scene.ring();
  scene.pair.module(BELLWIRE_KICKED, 1);
  scene.pair.turn();
  CHECK(scene.settle());
  CHECK(scene.watch.losses() == 0);
  CHECK_FALSE(scene.watch.report());
}

TEST_CASE("a doorbell is lost if the device counted fewer than were rung") {
  WatchScene scene;
  scene.lose(BELLWIRE_HOP_DOORBELL);
  CHECK(scene.look(1s) == Advice::ring);
  scene.ring();
  scene.pair.device->turn(scene.pair, 1);
  CHECK_FALSE(scene.settle());  // the device may not have taken the second one yet
  scene.signs.beat += 2;
  CHECK(scene.settle());
  CHECK(scene.says("lost doorbell"));
  CHECK(scene.counted(BELLWIRE_HOP_DOORBELL) == 1);
}

TEST_CASE("no doorbell is lost with a device that was paused, however soon it goes on") {
  WatchScene scene;
  scene.lose(BELLWIRE_HOP_DOORBELL);
  CHECK(scene.look(1s) == Advice::ring);
  scene.ring();
  scene.pair.device->turn(scene.pair, 2);  // eventfds keep their counts
  scene.signs.beat += 2;
  CHECK(scene.settle());
  CHECK(scene.watch.losses() == 0);
}

TEST_CASE("each hop of the way back is named, if the device beats") {
  for (const auto hop : {BELLWIRE_HOP_INTERRUPT, BELLWIRE_HOP_CALL, BELLWIRE_HOP_WAKE}) {
    CAPTURE(hop);
    WatchScene scene;
    scene.lose(hop);
    CHECK(scene.look(1s) == Advice::ring);
    scene.signs.beat += 1;
    CHECK(scene.look() == Advice::wait);  // that beat was due already
    scene.signs.beat += 1;
    CHECK(scene.look() == Advice::done);
    CHECK(scene.says(ring::describe({1, 0, ring::stage_before(hop)}, 1600ms).c_str()));
    CHECK(scene.counted(hop) == 1);
    CHECK(scene.pair.queue->control->consume.lost_ms == 1600);
  }
}

TEST_CASE("a hop that comes late is not lost") {
  WatchScene scene;
  scene.lose(BELLWIRE_HOP_INTERRUPT);
  CHECK(scene.look(1s) == Advice::ring);
  scene.pair.module(BELLWIRE_INTERRUPTED, 1);
  CHECK(scene.settle());
  CHECK(scene.watch.losses() == 0);
}

TEST_CASE("a device that does not beat is paused, for as long as it takes, and that is said once") {
  WatchScene scene;
  scene.lose(BELLWIRE_HOP_DOORBELL);
  CHECK(scene.look(1s) == Advice::ring);
  while (scene.look() == Advice::wait) {
  }
  CHECK(scene.watch.paused());
  CHECK(scene.says("the device is paused"));
  for (int second = 0; second < 60; ++second) static_cast<void>(scene.look(1s));
  CHECK_FALSE(scene.watch.report());
  CHECK_FALSE(scene.watch.hopeless(scene.now));
  scene.pair.device->turn(scene.pair, 1);
  CHECK(scene.settle());
  CHECK(scene.says("was paused, and goes on"));
  CHECK_FALSE(scene.watch.paused());
  CHECK(scene.watch.losses() == 0);
}

TEST_CASE("a device that died is gone, until its next incarnation or the limit") {
  WatchScene scene;
  scene.lose(BELLWIRE_HOP_DOORBELL);
  scene.signs.state = BELLWIRE_DEVICE_DIED;
  CHECK(scene.look(1s) == Advice::ring);
  while (scene.look() == Advice::wait) {
  }
  CHECK(scene.says("the device is gone"));
  SUBCASE("it comes back") {
    CHECK_FALSE(scene.watch.hopeless(scene.now));
    scene.signs = {.state = BELLWIRE_DEVICE_RUNNING, .incarnation = 2, .beat = 9, .doorbells = 3};
    scene.pair.device->turn(scene.pair, 0);
    CHECK(scene.settle());
    CHECK(scene.says("was gone, and is back"));
    CHECK(scene.watch.losses() == 0);
  }
  SUBCASE("it does not") {
    const auto why = scene.watch.hopeless(scene.now + DriverWatch::limit);
    REQUIRE(why.has_value());
    CHECK(why->find("gone") != std::string::npos);
  }
}

TEST_CASE("a look that comes late proves nothing: this process did not run") {
  WatchScene scene;
  scene.lose(BELLWIRE_HOP_INTERRUPT);
  CHECK(scene.look(1s) == Advice::ring);
  scene.signs.beat += 50;
  CHECK(scene.look(5s) == Advice::ring);
  CHECK_FALSE(scene.watch.report());
  scene.pair.module(BELLWIRE_INTERRUPTED, 1);
  CHECK(scene.settle());
  CHECK(scene.watch.losses() == 0);
}

TEST_CASE("a device that beats and does not serve is stuck") {
  WatchScene scene;
  scene.lose(BELLWIRE_HOP_DOORBELL);
  ring::TraceWriter(*scene.pair.queue, BELLWIRE_DEVICE).note(BELLWIRE_WOKEN, 1, 1);
  CHECK(scene.look(1s) == Advice::ring);
  scene.signs.beat += 2;
  CHECK(scene.look() == Advice::done);
  CHECK(scene.says("stuck device"));
  CHECK_FALSE(scene.watch.hopeless(scene.now));
  CHECK(scene.watch.hopeless(scene.now + DriverWatch::limit));
}

using namespace bellwire;
using namespace std::chrono_literals;
using bellwire::testing::Wires;
using Finding = ring::StallDetector::Finding;

namespace {

// Both sides of a queue, and no wires; and a time that passes when the test says so.
struct StallFixture final : ring::RequestHandler {
  StallFixture()
      : end(formatted()),
        layout(ring::Layout::open(end.memory).value()),
        device(layout.queue(0), end.interrupts[0], 1),
        module(layout.queue(0)),
        driver(layout.queue(0), module.generation()),
        stall(layout, 0) {}

  static Attachment formatted() {
    auto end = Wires::create(1).device_end();
    ring::format(end.memory.bytes(), 1).value();
    return end;
  }
  ring::Reply serve(const ring::Request&) noexcept override { return {}; }

  // A driver that rang, and sleeps.
  void submit() {
    CHECK(driver.submit({}));
    CHECK(driver.may_sleep());
    CHECK(driver.publish());
    module.note_ring();
  }
  // Ten looks a second. What it found, but for nothing.
  std::vector<Finding> pass(std::chrono::milliseconds time, bool beats) {
    std::vector<Finding> found;
    for (auto passed = 0ms; passed < time; passed += 100ms) {
      now += 100ms;
      layout.device_line().beat += beats ? 1 : 0;
      const auto seen = stall.look(now);
      if (seen != Finding::nothing) found.push_back(seen);
      if (seen == Finding::hopeless) break;
    }
    return found;
  }

  Attachment end;
  ring::Layout layout;
  ring::DeviceQueue device;
  ring::ModuleQueue module;
  ring::DriverQueue driver;
  ring::StallDetector stall;
  ring::StallDetector::Clock::time_point now{};
};

using Findings = std::vector<Finding>;

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

TEST_CASE("a doorbell that a living device never sees hangs, and is said once") {
  StallFixture scene;
  scene.device.turn(scene, 1);
  scene.submit();
  CHECK(scene.pass(500ms, true).empty());
  CHECK(scene.pass(4s, true) == Findings{Finding::hangs});
  CHECK(scene.stall.describe().find("request 0: doorbell written") == 0);
  CHECK(scene.pass(4s, true) == Findings{Finding::hopeless});
}

TEST_CASE("in slow motion nothing hangs") {
  StallFixture scene;
  scene.device.turn(scene, 1);
  scene.submit();
  ring::set_recording(scene.layout.queue(0), BELLWIRE_HOST_STEPS, true);
  CHECK(scene.pass(60s, true).empty());
  ring::set_recording(scene.layout.queue(0), BELLWIRE_HOST_STEPS, false);
  CHECK(scene.pass(4s, true) == Findings{Finding::hangs});
}

TEST_CASE("so does an interrupt that never comes") {
  StallFixture scene;
  scene.device.turn(scene, 1);
  scene.submit();
  scene.device.turn(scene, 1);
  CHECK(scene.pass(2s, true) == Findings{Finding::hangs});
  CHECK(ends_with(scene.stall.describe(), "no interrupt taken: lost interrupt"));
}

TEST_CASE("a device that does not beat is given up, and not said to have lost anything before") {
  StallFixture scene;
  scene.device.turn(scene, 1);
  scene.submit();
  CHECK(scene.pass(10s, false) == Findings{Finding::hopeless});
}

TEST_CASE("a queue that is claimed and never served, or never called back, is named") {
  StallFixture scene;
  CHECK(scene.pass(10s, false) == Findings{Finding::hopeless});
  CHECK(ends_with(scene.stall.describe(), "never served by the device: lost doorbell"));
  scene.device.turn(scene, 1);
  CHECK(scene.pass(10s, false) == Findings{Finding::hopeless});
  CHECK(ends_with(scene.stall.describe(), "no interrupt taken: lost interrupt"));
}

TEST_CASE("time in which nobody looked does not count as a stall") {
  StallFixture scene;
  scene.device.turn(scene, 1);
  scene.submit();
  CHECK(scene.pass(300ms, true).empty());
  for (int pauses = 0; pauses < 2; ++pauses) {
    scene.now += 1h;
    CHECK(scene.stall.look(scene.now) == Finding::nothing);
  }
}

TEST_CASE("a queue that gets on does not stall") {
  StallFixture scene;
  for (int requests = 0; requests < 20; ++requests) {
    scene.device.turn(scene, 1);
    scene.submit();
    CHECK(scene.pass(500ms, true).empty());
    scene.device.turn(scene, 1);
    CHECK(scene.pass(500ms, true).empty());
    CHECK(scene.driver.take().has_value());
  }
}
