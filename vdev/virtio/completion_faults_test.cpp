// SPDX-License-Identifier: BSD-3-Clause
//
// What goes wrong on purpose with a virtqueue's completions, in both layouts: the driver refuses
// what can't be right, no other queue suffers, and a queue that begins anew is served.
#include <doctest/doctest.h>

#include "vdev/faults/tally.hpp"
#include "vdev/testing/holding_device.hpp"
#include "vdev/testing/virtio_guest.hpp"

using namespace bellwire;
using namespace bellwire::virtio;
using namespace bellwire::testing;

namespace {

// A device that completes at once with one byte, and a plan that hits queue 0 once.
struct FaultyGuest {
  FaultyGuest(bool packed, const std::string& plan)
      : tally(std::make_shared<FaultTally>(FaultPlan::parse(plan).value())),
        guest(device, {.packed = packed, .options = {.faults = tally}}) {
    device.at_once = true;
    guest.start_all();
  }

  [[nodiscard]] DriverVirtqueue& driver() { return guest.queues[0].driver; }

  // So many requests, which the device takes together.
  void submit(std::uint64_t count) {
    for (std::uint64_t token = 1; token <= count; ++token) {
      const GuestBuffer buffer[] = {guest.allocate(8)};
      REQUIRE(driver().add({}, buffer, token));
    }
    guest.publish(0);
  }

  void wait_until_injected() {
    REQUIRE(guest.run_until([&] { return tally->count(0) == 1; }));
    guest.run();
  }

  void check_refused(RingFault why) {
    REQUIRE(guest.run_until([&] { return !driver().poll_used() && driver().broken(); }));
    CHECK(driver().error().fault == why);
  }

  void check_the_rest() {
    CHECK(tally->count(0) == 1);
    guest.submit(1, 7);
    CHECK(guest.wait_used(1).token == 7);
    (void)guest.stop(0);
    auto& queue = guest.queues[0];
    queue.driver = DriverVirtqueue::create(queue.layout, {}, guest.memory.space).value();
    guest.start(0);
    guest.submit(0, 8);
    CHECK(guest.wait_used(0).token == 8);
  }

  std::shared_ptr<FaultTally> tally;
  HoldingDevice device;
  VirtioGuest guest;
};

}  // namespace

TEST_CASE_TEMPLATE("a chain that is never returned is missing, and nothing else", Layout, Split,
                   Packed) {
  FaultyGuest scene(Layout::packed, "drop completion 2");
  scene.submit(3);
  CHECK(scene.guest.wait_used(0).token == 1);
  CHECK(scene.guest.wait_used(0).token == 3);
  scene.wait_until_injected();
  CHECK_FALSE(scene.driver().poll_used().has_value());
  CHECK(scene.driver().in_flight() == 1);
  CHECK(scene.guest.backend.counts(0).completed == 2);
  scene.check_the_rest();
}

TEST_CASE_TEMPLATE("a chain whose return is stalled comes", Layout, Split, Packed) {
  FaultyGuest scene(Layout::packed, "stall completion 1 1ms..2ms");
  scene.submit(2);
  CHECK(scene.guest.wait_used(0).token == 1);
  CHECK(scene.guest.wait_used(0).token == 2);
  scene.check_the_rest();
}

// A packed ring has no index that would say so: its driver looks only while it waits for something.
TEST_CASE("a chain that is returned twice is refused, if no other is under way") {
  FaultyGuest scene(Split::packed, "double completion 1");
  scene.submit(1);
  scene.wait_until_injected();
  scene.check_refused(RingFault::used_index);
  scene.check_the_rest();
}

TEST_CASE_TEMPLATE("a chain that is returned twice while others are under way is refused", Layout,
                   Split, Packed) {
  FaultyGuest scene(Layout::packed, "double completion 1");
  scene.device.at_once = false;
  scene.submit(3);
  REQUIRE(scene.guest.run_until([&] { return scene.device.handled == 3; }));
  scene.device.complete_first();
  CHECK(scene.guest.wait_used(0).token == 1);
  scene.check_refused(RingFault::used_id);
  scene.device.held.clear();
  scene.device.at_once = true;
  scene.check_the_rest();
}

TEST_CASE_TEMPLATE("a misrouted chain answers another request, whose own answer is refused", Layout,
                   Split, Packed) {
  FaultyGuest scene(Layout::packed, "misroute completion 1");
  scene.submit(2);
  CHECK(scene.guest.wait_used(0).token == 2);
  scene.check_refused(RingFault::used_id);
  scene.check_the_rest();
}

TEST_CASE_TEMPLATE("a misrouted chain is refused if no other is under way", Layout, Split, Packed) {
  FaultyGuest scene(Layout::packed, "misroute completion 1");
  scene.submit(1);
  scene.check_refused(RingFault::used_id);
  scene.check_the_rest();
}

TEST_CASE_TEMPLATE("a corrupted chain differs in one bit of what was written", Layout, Split,
                   Packed) {
  FaultyGuest scene(Layout::packed, "corrupt completion 1");
  for (const std::byte expected : {std::byte{1}, std::byte{0}}) {
    const GuestBuffer buffer[] = {scene.guest.allocate(8)};
    scene.guest.submit(0, {}, buffer, 5);
    CHECK(scene.guest.wait_used(0).written == 1);
    CHECK(scene.guest.bytes(buffer[0])[0] == expected);
    CHECK(scene.guest.bytes(buffer[0])[1] == std::byte{0});
  }
  scene.check_the_rest();
}

TEST_CASE_TEMPLATE("a corrupted chain in which nothing was written has a wrong length", Layout,
                   Split, Packed) {
  FaultyGuest scene(Layout::packed, "corrupt completion 1");
  const GuestBuffer buffer[] = {scene.guest.allocate(8)};
  scene.guest.submit(0, buffer, {}, 5);
  scene.check_refused(RingFault::used_length);
  scene.check_the_rest();
}

TEST_CASE_TEMPLATE("each fault of completions at once, in any order: this side survives", Layout,
                   Split, Packed) {
  FaultyGuest scene(Layout::packed,
                    "drop completion 1/9; double completion 1/9; misroute completion 1/9; "
                    "corrupt completion 1/9");
  for (unsigned round = 0; round < 200; ++round) {
    auto& queue = scene.guest.queues[0];
    for (unsigned token = 0; token < 8 && !queue.driver.broken(); ++token) {
      const GuestBuffer buffer[] = {{GuestMemory::base + (4U << 20), 8}};
      if (!queue.driver.add({}, buffer, token)) break;
    }
    scene.guest.publish(0);
    scene.guest.run();
    while (queue.driver.poll_used()) continue;
    if (round % 10 != 9) continue;
    (void)scene.guest.stop(0);
    queue.driver = DriverVirtqueue::create(queue.layout, {}, scene.guest.memory.space).value();
    scene.guest.start(0);
  }
  for (std::size_t rule = 0; rule < 4; ++rule) CHECK(scene.tally->count(rule) > 0);
  scene.guest.submit(1, 7);
  REQUIRE(scene.guest.run_until([&] { return scene.guest.backend.counts(1).requests == 1; }));
}
