// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/standstill.hpp"

#include <doctest/doctest.h>

#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/module_queue.hpp"
#include "vdev/testing/wires.hpp"

using namespace bellwire;
using namespace std::chrono_literals;
using bellwire::testing::Wires;
using Finding = ring::Standstill::Finding;

namespace {

// Both sides of a queue, and no wires; and a time that passes when the test says so.
struct StandstillScene final : ring::RequestHandler {
  StandstillScene()
      : end(formatted()),
        layout(ring::Layout::open(end.memory).value()),
        device(layout.queue(0), end.interrupts[0], 1),
        module(layout.queue(0)),
        driver(layout.queue(0), module.generation()),
        standstill(layout, 0) {}

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
      const auto seen = standstill.look(now);
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
  ring::Standstill standstill;
  ring::Standstill::Clock::time_point now{};
};

using Findings = std::vector<Finding>;

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

TEST_CASE("a doorbell that a living device never sees hangs, and is said once") {
  StandstillScene scene;
  scene.device.turn(scene, 1);
  scene.submit();
  CHECK(scene.pass(500ms, true).empty());
  CHECK(scene.pass(4s, true) == Findings{Finding::hangs});
  CHECK(scene.standstill.describe().find("request 0: doorbell written") == 0);
  CHECK(scene.pass(4s, true) == Findings{Finding::hopeless});
}

TEST_CASE("so does an interrupt that never comes") {
  StandstillScene scene;
  scene.device.turn(scene, 1);
  scene.submit();
  scene.device.turn(scene, 1);
  CHECK(scene.pass(2s, true) == Findings{Finding::hangs});
  CHECK(ends_with(scene.standstill.describe(), "no interrupt taken: lost interrupt"));
}

TEST_CASE("a device that does not beat is given up, and not said to have lost anything before") {
  StandstillScene scene;
  scene.device.turn(scene, 1);
  scene.submit();
  CHECK(scene.pass(10s, false) == Findings{Finding::hopeless});
}

TEST_CASE("a queue that is claimed and never served, or never called back, is named") {
  StandstillScene scene;
  CHECK(scene.pass(10s, false) == Findings{Finding::hopeless});
  CHECK(ends_with(scene.standstill.describe(), "never served by the device: lost doorbell"));
  scene.device.turn(scene, 1);
  CHECK(scene.pass(10s, false) == Findings{Finding::hopeless});
  CHECK(ends_with(scene.standstill.describe(), "no interrupt taken: lost interrupt"));
}

TEST_CASE("time in which nobody looked is no standstill") {
  StandstillScene scene;
  scene.device.turn(scene, 1);
  scene.submit();
  CHECK(scene.pass(300ms, true).empty());
  for (int pauses = 0; pauses < 2; ++pauses) {
    scene.now += 1h;
    CHECK(scene.standstill.look(scene.now) == Finding::nothing);
  }
}

TEST_CASE("whoever gets on does not stand still") {
  StandstillScene scene;
  for (int requests = 0; requests < 20; ++requests) {
    scene.device.turn(scene, 1);
    scene.submit();
    CHECK(scene.pass(500ms, true).empty());
    scene.device.turn(scene, 1);
    CHECK(scene.pass(500ms, true).empty());
    CHECK(scene.driver.take().has_value());
  }
}
