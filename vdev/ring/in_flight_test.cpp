// SPDX-License-Identifier: BSD-3-Clause
//
// Requests that are completed later: their order, and what becomes of those in flight when the
// driver resets the queue, breaks it or leaves, and when the device stops. Turn by turn on one
// thread.
#include <doctest/doctest.h>

#include <random>
#include <thread>

#include "vdev/testing/in_flight_scene.hpp"

using namespace bellwire;
using bellwire::testing::Driver;
using Scene = bellwire::testing::InFlightScene;

TEST_CASE("completions are published in the driver's order, whatever the device's") {
  Scene scene;
  auto driver = scene.begin();
  scene.submit(driver, 4);
  CHECK(scene.holder.held() == 4);
  CHECK(scene.device->in_flight() == 4);
  for (const std::size_t place : {3U, 1U}) {
    scene.holder.complete(place);
    scene.deliver();
    CHECK(scene.take(driver) == 0);
  }
  scene.holder.complete();
  scene.deliver();
  CHECK(scene.take(driver) == 2);
  scene.holder.complete();
  scene.deliver();
  CHECK(scene.take(driver) == 2);
  CHECK(scene.device->in_flight() == 0);
}

TEST_CASE("as many requests are in flight as the ring has entries, again and again") {
  constexpr unsigned entries = 16;
  Scene scene(false, entries);
  auto driver = scene.begin();
  std::minstd_rand random(7);
  for (unsigned round = 0; round < 20; ++round) {
    scene.submit(driver, driver.queue().space());
    REQUIRE(scene.holder.held() == entries);
    for (unsigned count = entries - round % 2; count > 0; --count)
      scene.holder.complete(random() % scene.holder.held());
    scene.deliver();
    scene.take(driver);
    scene.holder.complete_all();
    scene.deliver();
    scene.take(driver);
    CHECK(driver.queue().in_flight() == 0);
  }
}

TEST_CASE("the ring's indices wrap with requests in flight") {
  Scene scene;
  auto driver = scene.begin();
  constexpr std::uint32_t near_end = 0xFFFF'FFF8;
  auto& control = driver.control();
  for (auto* const word : {&control.submit.submitted, &control.consume.consumed,
                           &control.complete.completed, &control.doorbell.doorbell_event})
    ring::store(*word, near_end, ring::release);
  scene.start(2);
  scene.turn();
  ring::store(control.submit.submitted, near_end + 16, ring::release);
  scene.turn();
  REQUIRE(scene.holder.held() == 16);
  for (unsigned count = 16; count > 0; --count) scene.holder.complete(count - 1);
  scene.deliver();
  CHECK(ring::load(control.complete.completed, ring::acquire) == near_end + 16);
}

TEST_CASE("a request that is dropped has failed, one that is refused never reaches the device") {
  Scene scene;
  auto driver = scene.begin();
  bellwire_request bad{};
  bad.flags = 1;
  scene.submit(driver, 1);
  REQUIRE(driver.queue().submit(bad));
  scene.submit(driver, 1);
  CHECK(scene.holder.held() == 2);
  scene.holder.complete(1);
  scene.deliver();
  CHECK_FALSE(driver.queue().take());
  scene.holder.drop();
  scene.deliver();
  const auto dropped = driver.queue().take();
  REQUIRE(dropped.has_value());
  CHECK(dropped->status == BELLWIRE_FAILED);
  CHECK(dropped->cookie == 0);
  CHECK(driver.queue().take()->status == BELLWIRE_BAD_OPERATION);
  CHECK(driver.queue().take()->status == BELLWIRE_DONE);
}

TEST_CASE("one that comes back by its pointer is the same") {
  Scene scene;
  auto driver = scene.begin();
  struct Releasing final : ring::AsyncRequestHandler {
    void handle(ring::PendingRequest request) noexcept override {
      auto moved = std::move(request);
      request = std::move(moved);
      released = std::move(request).release();
    }
    void cancel(unsigned) noexcept override {}
    void* released = nullptr;
  } handler;
  REQUIRE(driver.queue().submit({}));
  driver.publish();
  scene.device->turn(handler, 1);
  ring::PendingRequest::adopt(handler.released).complete({.length = 0, .result = 9});
  scene.device->deliver(handler);
  CHECK(driver.queue().take()->result == 9);
}

TEST_CASE("a request that is completed twice is completed once") {
  Scene scene;
  auto driver = scene.begin();
  struct Twice final : ring::AsyncRequestHandler {
    void handle(ring::PendingRequest request) noexcept override {
      std::move(request).complete({.result = 1});
      std::move(request).complete({.result = 2});  // NOLINT: that is what is tried
    }
    void cancel(unsigned) noexcept override {}
  } handler;
  REQUIRE(driver.queue().submit({}));
  driver.publish();
  scene.device->turn(handler, 1);
  CHECK(driver.queue().take()->result == 1);
  CHECK_FALSE(driver.queue().take());
  CHECK(scene.device->in_flight() == 0);
}

TEST_CASE("the device's loop is woken once for many, and not while it polls or is in its turn") {
  Scene scene;
  auto driver = scene.begin();
  scene.submit(driver, 8);
  std::thread([&] {
    for (unsigned count = 0; count < 4; ++count) scene.holder.complete();
  }).join();
  CHECK(scene.event->drain() == 1);
  scene.deliver();
  scene.holder.complete();  // from the loop's own thread, between turns
  scene.holder.complete();
  CHECK(scene.event->drain() == 1);
  CHECK(scene.device->poll(scene.holder) == Turn::more);
  CHECK(scene.device->poll(scene.holder) == Turn::done);
  std::thread([&] { scene.holder.complete(); }).join();
  CHECK_FALSE(scene.event->drain().has_value());
  CHECK(scene.device->poll(scene.holder) == Turn::more);
  scene.turn();  // the last one before it sleeps
  std::thread([&] { scene.holder.complete(); }).join();
  CHECK(scene.event->drain() == 1);
  scene.deliver();
  CHECK(scene.take(driver) == 8);
}

TEST_CASE("a sleeping driver is interrupted when its completion is published, not before") {
  Scene scene;
  auto driver = scene.begin();
  scene.submit(driver, 2);
  const auto before = driver.control().status.raises;
  REQUIRE(driver.queue().may_sleep());
  scene.holder.complete(1);
  scene.deliver();
  CHECK(driver.control().status.raises == before);
  scene.holder.complete(0);
  scene.deliver();
  CHECK(driver.control().status.raises == before + 1);
}

TEST_CASE("a sleeping device with requests in flight is rung for the next one") {
  Scene scene;
  auto driver = scene.begin();
  scene.submit(driver, 3);
  REQUIRE(driver.queue().submit({}));
  driver.publish();
  CHECK(scene.end.doorbells[0].drain() == 1);
}

TEST_CASE(
    "a reset is acknowledged once the requests in flight have ended, and shows none of them") {
  Scene scene(true);
  auto driver = scene.begin();
  scene.submit(driver, 4);
  scene.holder.complete(3);
  scene.deliver();
  Driver next(scene.wires.guest_end(), 0);
  for (const unsigned cancels : {1U, 1U}) {  // once
    CHECK(scene.turn() == Turn::done);
    CHECK(scene.holder.cancels() == cancels);
    CHECK_FALSE(next.queue().ready());
  }
  CHECK(scene.device->ending());
  scene.holder.complete();
  scene.holder.drop();
  scene.deliver();
  CHECK_FALSE(next.queue().ready());
  std::thread([&] { scene.holder.complete(); }).join();
  scene.deliver();
  CHECK(next.queue().ready());
  CHECK_FALSE(next.queue().take());
  CHECK(next.control().complete.completed == 0);
  scene.taken = scene.submitted;
  scene.submit(next, 5);
  scene.holder.complete_all();
  scene.deliver();
  CHECK(scene.take(next) == 5);
}

TEST_CASE("a handler that ends its requests when it is told to holds up no reset") {
  Scene scene;
  auto driver = scene.begin();
  scene.submit(driver, 16);
  Driver next(scene.wires.guest_end(), 0);
  scene.turn();
  CHECK(next.queue().ready());
  CHECK(scene.holder.cancels() == 1);
  CHECK(scene.device->in_flight() == 0);
}

TEST_CASE("a driver that leaves takes its requests along") {
  Scene scene(true);
  auto driver = scene.begin();
  scene.submit(driver, 2);
  ring::end_generation(driver.raw_queue());
  scene.deliver();
  CHECK(scene.holder.cancels() == 1);
  scene.holder.complete_all();
  scene.deliver();
  CHECK(scene.device->in_flight() == 0);
  CHECK(driver.control().complete.completed == 0);
  auto next = scene.begin();
  CHECK(next.queue().ready());
  CHECK(scene.holder.cancels() == 1);
}

TEST_CASE("a queue that breaks with requests in flight shows none of them, and recovers") {
  Scene scene(true);
  auto driver = scene.begin();
  scene.submit(driver, 3);
  ring::store(driver.control().submit.submitted, 1U, ring::release);  // backwards
  scene.turn();
  CHECK(driver.queue().status() == BELLWIRE_QUEUE_BAD_SUBMITTED);
  CHECK(scene.holder.cancels() == 1);
  scene.holder.complete();
  scene.deliver();
  CHECK(driver.control().complete.completed == 0);
  Driver next(scene.wires.guest_end(), 0);
  scene.turn();
  CHECK_FALSE(next.queue().ready());
  scene.holder.complete_all();
  scene.deliver();
  CHECK(next.queue().ready());
  CHECK(next.queue().status() == BELLWIRE_QUEUE_OK);
  CHECK(scene.holder.cancels() == 1);
}

TEST_CASE("a device that stops shows what it has completed; the next start serves the rest") {
  Scene scene;
  auto driver = scene.begin();
  scene.submit(driver, 6);
  scene.holder.complete(0);
  scene.holder.complete(0);
  scene.holder.complete(1);  // the one before it is given back, and it with it
  scene.device->stop(scene.holder);
  CHECK(scene.holder.cancels() == 1);
  CHECK(scene.device->in_flight() == 0);
  CHECK(scene.turn() == Turn::done);
  CHECK(scene.take(driver) == 2);
  scene.start(2);
  scene.turn();
  CHECK(scene.holder.held() == 4);
  scene.holder.complete_all();
  scene.deliver();
  CHECK(scene.take(driver) == 4);
}

TEST_CASE("a device that stops waits for the requests that it completes after all") {
  Scene scene(true);
  auto driver = scene.begin();
  scene.submit(driver, 2);
  scene.device->stop(scene.holder);
  CHECK(scene.device->in_flight() == 2);
  scene.holder.complete(1);
  scene.deliver();
  CHECK(scene.take(driver) == 0);
  scene.holder.complete();
  scene.deliver();
  CHECK(scene.take(driver) == 2);
  CHECK(scene.holder.cancels() == 1);
}

TEST_CASE("a reset that comes while the device stops is left to its next start") {
  Scene scene(true);
  auto driver = scene.begin();
  scene.submit(driver, 2);
  scene.device->stop(scene.holder);
  Driver next(scene.wires.guest_end(), 0);
  scene.holder.complete_all();
  scene.deliver();
  CHECK(scene.device->in_flight() == 0);
  CHECK_FALSE(next.queue().ready());
  scene.start(2);
  scene.turn();
  CHECK(next.queue().ready());
  CHECK(scene.holder.held() == 0);
}
