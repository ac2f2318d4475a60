// SPDX-License-Identifier: BSD-3-Clause
//
// A driver that looks for what did not come: what it does then, and what it counts. Each step of
// both sides is the test's.
#include "vdev/ring/driver_look.hpp"

#include <doctest/doctest.h>

#include "vdev/testing/queue_pair.hpp"

using namespace bellwire;
using namespace std::chrono_literals;
using ring::DriverLook;
using ring::LookTime;
using Missing = DriverLook::Missing;

namespace {

// A generation whose claim has come through.
class LookScene {
 public:
  LookScene() {
    look.rung();
    look.interrupted(1us);
  }
  void submit_and_ring() {
    pair.submit();
    pair.module(BELLWIRE_RUNG, ++submitted);
    look.rung();
  }
  void ring_again() {
    CHECK(look.look() == Missing::nothing);
    REQUIRE(look.look() == Missing::doorbell);
    look.rung();
  }
  // The device is rung, the module interrupted, and the process has its completion.
  void complete(std::uint64_t rings = 1) {
    pair.device->turn(pair, rings);
    pair.module(BELLWIRE_INTERRUPTED, submitted);
    REQUIRE(pair.driver->take().has_value());
  }

  testing::QueuePair pair;
  std::uint32_t submitted = 0;
  ring::Layout layout = ring::Layout::open(pair.end.memory).value();
  DriverLook look{layout, *pair.queue, pair.queue->control->driver.generation};
};

}  // namespace

TEST_CASE("what is found missing twice is replaced: an interrupt") {
  LookScene scene;
  scene.submit_and_ring();
  scene.pair.turn();
  CHECK(scene.look.look() == Missing::nothing);
  CHECK(scene.look.look() == Missing::interrupt);
  CHECK(scene.pair.driver->take().has_value());
  CHECK(scene.look.look() == Missing::nothing);
  CHECK(scene.look.recovered_interrupts() == 1);
  CHECK(scene.look.recovered_doorbells() == 0);
}

TEST_CASE("an interrupt of an earlier generation does not stand for that of a new one") {
  testing::QueuePair pair;
  const auto layout = ring::Layout::open(pair.end.memory).value();
  auto& served = pair.queue->control->status.generation;
  const auto generation = pair.queue->control->driver.generation;
  DriverLook look(layout, *pair.queue, generation);
  look.rung();
  served = generation - 2;
  look.interrupted(1us);
  served = generation;  // and the interrupt of that is lost
  CHECK(look.look() == Missing::nothing);
  CHECK(look.look() == Missing::interrupt);
}

TEST_CASE("what is found missing twice is replaced: a doorbell") {
  LookScene scene;
  scene.submit_and_ring();
  scene.ring_again();
  CHECK(scene.look.recovered_doorbells() == 0);
  scene.complete();
  CHECK(scene.look.look() == Missing::nothing);
  CHECK(scene.look.recovered_doorbells() == 1);
  CHECK(scene.look.recovered_interrupts() == 0);
}

TEST_CASE("the rings for a doorbell that is lost again go on, and count once") {
  LookScene scene;
  scene.submit_and_ring();
  scene.ring_again();
  CHECK(scene.look.look() == Missing::doorbell);
  scene.look.rung();
  scene.complete();
  CHECK(scene.look.look() == Missing::nothing);
  CHECK(scene.look.recovered_doorbells() == 1);
}

TEST_CASE("the time that a replaced signal took is not a round trip") {
  LookScene scene;
  const auto before = scene.look.time();
  scene.submit_and_ring();
  scene.ring_again();
  scene.complete();
  scene.look.interrupted(10s);
  CHECK(scene.look.look() == Missing::nothing);
  CHECK(scene.look.time() == before);
  scene.look.interrupted(10s);
  CHECK(scene.look.time() > before);
}

TEST_CASE("a doorbell of a device that was paused is only late") {
  LookScene scene;
  scene.submit_and_ring();
  scene.ring_again();
  scene.complete(2);  // its eventfd has kept both
  CHECK(scene.look.look() == Missing::nothing);
  CHECK(scene.look.recovered_doorbells() == 0);
}

TEST_CASE("of the doorbells of a device that was restarted nothing is known") {
  LookScene scene;
  scene.submit_and_ring();
  scene.ring_again();
  ++scene.layout.device_line().incarnation;
  scene.complete();
  CHECK(scene.look.look() == Missing::nothing);
  CHECK(scene.look.recovered_doorbells() == 0);
}

TEST_CASE("nothing is missing of a request that its process or its device works on") {
  LookScene scene;
  scene.pair.submit();  // not kicked, or not yet
  CHECK(scene.look.look() == Missing::nothing);
  CHECK(scene.look.look() == Missing::nothing);
  ring::TraceWriter(*scene.pair.queue, BELLWIRE_DEVICE).note(BELLWIRE_TAKEN, 1, 1);
  scene.pair.module(BELLWIRE_RUNG, 1);
  CHECK(scene.look.look() == Missing::nothing);
  CHECK(scene.look.look() == Missing::nothing);
}

TEST_CASE("what is recovered is recorded, at the time of the look that did without it") {
  LookScene scene;
  ring::ModuleQueue module(*scene.pair.queue);
  DriverLook look(scene.layout, *scene.pair.queue, module.generation());
  ring::set_recording(*scene.pair.queue, BELLWIRE_HOST_RECORDS, true);
  ring::TraceReader reader(*scene.pair.queue, BELLWIRE_MODULE);
  look.rung();
  CHECK(look.look(&module) == Missing::nothing);
  CHECK(look.look(&module) == Missing::doorbell);
  look.rung();
  const auto rung = ring::timestamp_after_loads();
  scene.pair.turn();
  CHECK(look.look(&module) == Missing::nothing);
  CHECK(look.look(&module) == Missing::interrupt);
  std::vector<bellwire_record> records;
  reader.drain(records);
  REQUIRE(records.size() == 2);
  CHECK(records[0].stage == BELLWIRE_RECOVERED_DOORBELL);
  CHECK(records[0].ticks <= rung);
  CHECK(records[1].stage == BELLWIRE_RECOVERED_INTERRUPT);
  CHECK(records[1].ticks >= rung);
  CHECK(records[1].generation == module.generation());
}

TEST_CASE("the doorbell and the interrupt of a claim are replaced as well") {
  LookScene scene;
  const auto generation = ring::begin_generation(*scene.pair.queue);
  DriverLook look(scene.layout, *scene.pair.queue, generation);
  look.rung();
  CHECK(look.look() == Missing::nothing);
  CHECK(look.look() == Missing::doorbell);
  look.rung();
  scene.pair.turn();
  CHECK(look.look() == Missing::nothing);
  CHECK(look.look() == Missing::interrupt);
  CHECK(look.look() == Missing::nothing);
  CHECK(look.recovered_doorbells() == 1);
  CHECK(look.recovered_interrupts() == 1);
}

TEST_CASE("the time to a look follows the round trips, within its bounds") {
  LookTime time;
  CHECK(time.time() == LookTime::first);
  time.measured(40ms);
  CHECK(time.time() == 40ms + 4 * 20ms);
  for (int times = 0; times < 200; ++times) time.measured(40ms);
  CHECK(time.time() >= 40ms);
  CHECK(time.time() < 41ms);
  time.measured(80ms);
  CHECK(time.time() > 80ms);
  for (int times = 0; times < 200; ++times) time.measured(50us);
  CHECK(time.time() == LookTime::least);
  for (int times = 0; times < 20; ++times) time.measured(10s);
  CHECK(time.time() == LookTime::most);
}

TEST_CASE("looks in vain are further and further apart, until something changes") {
  LookTime time;
  time.measured(1us);
  for (auto expected = 5ms; expected < LookTime::most; expected *= 2) {
    CHECK(time.time() == expected);
    time.looked(false);
  }
  for (int times = 0; times < 100; ++times) time.looked(false);
  CHECK(time.time() == LookTime::most);
  time.looked(true);
  CHECK(time.time() == LookTime::least);
}
