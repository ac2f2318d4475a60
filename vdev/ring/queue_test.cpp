// SPDX-License-Identifier: BSD-3-Clause
//
// Both sides of a queue against each other: turn by turn on one thread, where the test decides
// what happens when, and as two threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/testing/driver.hpp"

using namespace bellwire;
using bellwire::testing::Driver;
using bellwire::testing::Wires;

namespace {

struct Counter final : ring::RequestHandler {
  ring::Reply serve(const ring::Request& request) noexcept override {
    ++served;
    return {.length = static_cast<std::uint32_t>(request.output.size()), .result = request.cookie};
  }
  std::uint64_t served = 0;
};

// Sees how many completions are held back while it serves, which takes it so many ticks.
struct Watcher final : ring::RequestHandler {
  Watcher(const bellwire_queue_control& words, std::uint64_t ticks)
      : control(words), takes(ticks) {}
  ring::Reply serve(const ring::Request&) noexcept override {
    for (const auto began = ring::timestamp(); ring::timestamp() - began < takes;) {
    }
    const auto shown = ring::load(control.complete.completed, ring::acquire);
    most_held = std::max(most_held, served++ - shown);
    return {};
  }
  const bellwire_queue_control& control;
  const std::uint64_t takes;
  std::uint32_t served = 0;
  std::uint32_t most_held = 0;
};

// A device's side that the test turns by hand.
struct Bench {
  explicit Bench(unsigned queues = 1) : wires(Wires::create(queues)) {
    end = wires.device_end();
    ring::format(end.memory.bytes(), queues).value();
    queue.emplace(layout_queue(), end.interrupts[0], 1);
  }
  ring::Queue layout_queue() { return ring::Layout::open(end.memory).value().queue(0); }
  Turn turn() { return queue->turn(counter, end.doorbells[0].drain().value_or(0)); }
  /// As if the process had died and another had come.
  void restart(std::uint32_t incarnation = 2) {
    queue.emplace(layout_queue(), end.interrupts[0], incarnation);
  }

  Wires wires;
  Attachment end;
  Counter counter;
  std::optional<ring::DeviceQueue> queue;
};

bellwire_request request(std::uint64_t cookie) {
  bellwire_request made{};
  made.cookie = cookie;
  return made;
}

}  // namespace

TEST_CASE("a generation is served once the device has met it, and not before") {
  Bench bench;
  Driver driver(bench.wires.guest_end(), 0);
  CHECK_FALSE(driver.queue().ready());
  bench.turn();
  CHECK(driver.queue().ready());
  CHECK(driver.wait_for_interrupt());
  CHECK(driver.control().driver.generation % 2 == 1);
}

TEST_CASE("completions come in order with their cookies") {
  Bench bench;
  Driver driver(bench.wires.guest_end(), 0);
  bench.turn();
  for (std::uint64_t cookie = 0; cookie < 10; ++cookie) driver.queue().submit(request(cookie));
  driver.publish();
  bench.turn();
  for (std::uint64_t cookie = 0; cookie < 10; ++cookie) {
    const auto completion = driver.queue().take();
    REQUIRE(completion.has_value());
    CHECK(completion->cookie == cookie);
    CHECK(completion->result == cookie);
    CHECK(completion->incarnation == 1);
  }
  CHECK_FALSE(driver.queue().take().has_value());
}

TEST_CASE("a full ring takes no more until a completion is taken") {
  Bench bench;
  Driver driver(bench.wires.guest_end(), 0);
  bench.turn();
  while (driver.queue().submit(request(0))) {
  }
  CHECK(driver.queue().space() == 0);
  driver.publish();
  while (bench.turn() == Turn::more) {
  }
  CHECK(bench.counter.served == ring::usual_ring_entries);
  CHECK(driver.queue().take().has_value());
  CHECK(driver.queue().space() == 1);
}

TEST_CASE("a turn is bounded, and says when there is more") {
  Bench bench;
  Driver driver(bench.wires.guest_end(), 0);
  bench.turn();
  while (driver.queue().submit(request(0))) {
  }
  driver.publish();
  CHECK(bench.turn() == Turn::more);
  CHECK(bench.counter.served < ring::usual_ring_entries);
}

TEST_CASE("completions are shown in batches, those of slow requests one by one") {
  constexpr std::uint64_t slow = 1'000'000;
  for (const auto ticks : {std::uint64_t{0}, slow}) {
    Bench bench;
    Driver driver(bench.wires.guest_end(), 0);
    bench.turn();
    Watcher watcher(driver.control(), ticks);
    while (driver.queue().submit(request(0))) {
    }
    driver.publish();
    CHECK(bench.queue->poll(watcher) == Turn::more);
    CHECK(watcher.most_held < 16);
    CHECK((watcher.most_held > 0) == (ticks < slow));
    CHECK(ring::load(driver.control().complete.completed, ring::acquire) == watcher.served);
  }
}

TEST_CASE("a busy device is not rung, a sleeping one is rung once") {
  Bench bench;
  Driver driver(bench.wires.guest_end(), 0);
  bench.turn();
  bench.end.doorbells[0].drain();
  for (int count = 0; count < 5; ++count) {
    driver.queue().submit(request(0));
    driver.publish();
  }
  CHECK(bench.end.doorbells[0].drain() == 1);
  bench.turn();
  driver.queue().submit(request(0));
  driver.publish();
  CHECK(bench.end.doorbells[0].drain() == 1);
}

TEST_CASE("a driver that is awake is not interrupted, a sleeping one is, once") {
  Bench bench;
  Driver driver(bench.wires.guest_end(), 0);
  bench.turn();
  CHECK(driver.wait_for_interrupt());
  const auto raises = [&] { return driver.control().status.raises; };
  const auto before = raises();
  for (int count = 0; count < 5; ++count) driver.queue().submit(request(0));
  driver.publish();
  bench.turn();
  CHECK(raises() == before + 1);
  CHECK_FALSE(driver.queue().may_sleep());
  while (driver.queue().take()) {
  }
  driver.queue().submit(request(0));
  driver.publish();
  bench.turn();
  CHECK(driver.queue().may_sleep() == false);
}

TEST_CASE("a request with wrong numbers is refused, and its queue goes on") {
  struct Wrong {
    const char* what;
    void (*make)(bellwire_request&, std::uint32_t payload);
    bellwire_completion_status status;
  };
  const Wrong wrongs[] = {
      {"input beyond the payload",
       [](auto& made, auto payload) {
         made.input_offset = payload;
         made.input_length = 1;
       },
       BELLWIRE_BAD_RANGE},
      {"an end that wraps",
       [](auto& made, auto) {
         made.input_offset = ~0U;
         made.input_length = ~0U;
       },
       BELLWIRE_BAD_RANGE},
      {"output too long", [](auto& made, auto payload) { made.output_length = payload + 1; },
       BELLWIRE_BAD_RANGE},
      {"input and output that overlap",
       [](auto& made, auto) {
         made.input_length = 8;
         made.output_offset = 7;
         made.output_length = 8;
       },
       BELLWIRE_BAD_RANGE},
      {"unknown flags", [](auto& made, auto) { made.flags = 1; }, BELLWIRE_BAD_OPERATION},
  };
  Bench bench;
  Driver driver(bench.wires.guest_end(), 0);
  bench.turn();
  for (const auto& wrong : wrongs) {
    CAPTURE(wrong.what);
    auto made = request(1);
    wrong.make(made, static_cast<std::uint32_t>(driver.queue().payload().size()));
    driver.queue().submit(made);
    driver.publish();
    bench.turn();
    CHECK(driver.queue().take()->status == wrong.status);
  }
  CHECK(bench.counter.served == 0);
  CHECK(driver.queue().status() == BELLWIRE_QUEUE_OK);
  driver.queue().submit(request(2));
  driver.publish();
  bench.turn();
  CHECK(driver.queue().take()->status == BELLWIRE_DONE);
}

TEST_CASE("indices that cannot be right break the queue until its generation changes") {
  struct Lie {
    const char* what;
    std::uint32_t submitted, consumed;
    bellwire_queue_status verdict;
  };
  const Lie lies[] = {
      {"more than the ring holds", 257, 0, BELLWIRE_QUEUE_BAD_SUBMITTED},
      {"backwards", ~0U, 0, BELLWIRE_QUEUE_BAD_SUBMITTED},
      {"far ahead", 1U << 31, 0, BELLWIRE_QUEUE_BAD_SUBMITTED},
      {"consumed what was not completed", 1, 1, BELLWIRE_QUEUE_BAD_CONSUMED},
      {"consumed wildly", 1, 1U << 30, BELLWIRE_QUEUE_BAD_CONSUMED},
  };
  Bench bench;
  Driver driver(bench.wires.guest_end(), 0);
  bench.turn();
  for (const auto& lie : lies) {
    CAPTURE(lie.what);
    bench.end.doorbells[0].drain();
    while (driver.queue().take()) {
    }
    ring::store(driver.control().consume.consumed, lie.consumed, std::memory_order_seq_cst);
    ring::store(driver.control().submit.submitted, lie.submitted, std::memory_order_seq_cst);
    CHECK(bench.turn() == Turn::done);
    CHECK(driver.control().status.status == lie.verdict);
    const auto served = bench.counter.served;
    bench.turn();
    CHECK(bench.counter.served == served);

    ring::begin_generation(bench.layout_queue());
    bench.turn();
    CHECK(driver.control().status.status == BELLWIRE_QUEUE_OK);
    CHECK(driver.control().complete.completed == 0);
  }
}

TEST_CASE("words that change because a generation ends do not break the next") {
  Bench bench;
  Driver first(bench.wires.guest_end(), 0);
  bench.turn();
  for (int count = 0; count < 5; ++count) first.queue().submit(request(0));
  first.publish();
  bench.turn();
  // Half way through the change: the old number is gone, the words are zero.
  ring::end_generation(bench.layout_queue());
  ring::store(first.control().submit.submitted, 0, std::memory_order_seq_cst);
  CHECK(bench.turn() == Turn::done);
  CHECK(bench.queue->status() == BELLWIRE_QUEUE_OK);
  Driver second(bench.wires.guest_end(), 0);
  bench.turn();
  CHECK(second.queue().ready());
  CHECK(bench.queue->status() == BELLWIRE_QUEUE_OK);
}

TEST_CASE("a restarted device goes on where its predecessor stopped") {
  Bench bench;
  Driver driver(bench.wires.guest_end(), 0);
  bench.turn();
  for (std::uint64_t cookie = 0; cookie < 3; ++cookie) driver.queue().submit(request(cookie));
  driver.publish();
  bench.turn();
  for (std::uint64_t cookie = 3; cookie < 6; ++cookie) driver.queue().submit(request(cookie));
  driver.publish();
  bench.end.doorbells[0].drain();  // drained by the one that dies before it served
  bench.restart();
  bench.turn();
  for (std::uint64_t cookie = 0; cookie < 6; ++cookie) {
    const auto completion = driver.queue().take();
    REQUIRE(completion.has_value());
    CHECK(completion->cookie == cookie);
    CHECK(completion->incarnation == (cookie < 3 ? 1 : 2));
  }
}

TEST_CASE("a restart raises what its predecessor may not have raised") {
  Bench bench;
  Driver driver(bench.wires.guest_end(), 0);
  bench.turn();
  while (bench.wires.guest_end().interrupts[0].drain()) {
  }
  bench.restart();
  CHECK(driver.wait_for_interrupt());
}

TEST_CASE("a broken queue stays broken over a restart, for its reason") {
  Bench bench;
  Driver driver(bench.wires.guest_end(), 0);
  bench.turn();
  ring::store(driver.control().submit.submitted, 1U << 31, ring::in_order);
  bench.turn();
  ring::store(driver.control().submit.submitted, 1, ring::in_order);  // plausible, but too late
  bench.restart();
  bench.turn();
  CHECK(bench.counter.served == 0);
  CHECK(bench.queue->status() == BELLWIRE_QUEUE_BAD_SUBMITTED);
  CHECK(bench.queue->offender() == 1U << 31);
}

TEST_CASE("a restart that finds impossible words calls the queue broken") {
  Bench bench;
  Driver driver(bench.wires.guest_end(), 0);
  bench.turn();
  ring::store(driver.control().complete.completed, 1U << 20, std::memory_order_seq_cst);
  bench.restart();
  CHECK(driver.queue().status() == BELLWIRE_QUEUE_BAD_COMPLETED);
}

TEST_CASE("a status that no device writes is a broken queue, to the device and to the driver") {
  for (const std::uint32_t status : {4U, 0xFFU, 0xFFFF'FFFFU}) {
    Bench bench;
    Driver driver(bench.wires.guest_end(), 0);
    bench.turn();
    ring::store(driver.control().status.status, status, ring::in_order);
    CHECK(driver.queue().status() == BELLWIRE_QUEUE_BAD_COMPLETED);
    bench.restart();
    bench.turn();
    CHECK(bench.queue->status() == BELLWIRE_QUEUE_BAD_COMPLETED);
    ring::begin_generation(bench.layout_queue());
    bench.turn();
    CHECK(bench.queue->status() == BELLWIRE_QUEUE_OK);
  }
}

TEST_CASE("a device that completes what nobody asked for is found out") {
  Bench bench;
  Driver driver(bench.wires.guest_end(), 0);
  bench.turn();
  ring::store(driver.control().complete.completed, 7, std::memory_order_seq_cst);
  CHECK_FALSE(driver.queue().take().has_value());
  CHECK(driver.queue().device_broken());
}

TEST_CASE("indices wrap without anybody noticing") {
  Bench bench;
  Driver driver(bench.wires.guest_end(), 0);
  bench.turn();
  constexpr std::uint64_t rounds = 3 * ring::usual_ring_entries + 5;
  for (std::uint64_t cookie = 0; cookie < rounds; ++cookie) {
    driver.queue().submit(request(cookie));
    driver.publish();
    bench.turn();
    CHECK(driver.queue().take()->cookie == cookie);
  }
}

TEST_CASE("two threads: nothing is lost at any depth, asleep or awake") {
  for (const std::uint32_t depth : {1U, 7U, 64U, 256U}) {
    CAPTURE(depth);
    Bench bench;
    Driver driver(bench.wires.guest_end(), 0);
    std::atomic<bool> running = true;
    std::thread device([&] {
      while (running)
        if (bench.turn() == Turn::done)
          (void)bench.end.doorbells[0].wait(std::chrono::milliseconds(10000));
    });
    driver.wait_until_served();
    constexpr std::uint64_t count = 20000;
    std::uint64_t submitted = 0;
    for (std::uint64_t expected = 0; expected < count; ++expected) {
      while (driver.queue().in_flight() < depth && submitted < count)
        driver.queue().submit(request(submitted++));
      driver.publish();
      CHECK(driver.wait_for_completion().cookie == expected);
    }
    running = false;
    driver.ring();
    device.join();
    CHECK(bench.counter.served == count);
  }
}
