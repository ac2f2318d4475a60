// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/simulate/world.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "vdev/os/event_fd.hpp"
#include "vdev/simulate/simulation.hpp"

using namespace bellwire;
using namespace bellwire::simulate;
using namespace std::chrono_literals;

namespace {

void run(World& world) {
  world.run([] { return false; });
}

}  // namespace

TEST_CASE("processes take turns by the world's clock, which nobody waits for") {
  World world(1);
  const auto began = world.now();
  std::string order;
  world.start("slow", [&] {
    world.running()->pause(1h);
    order += "slow after 1 h, ";
  });
  world.start("fast", [&] {
    world.running()->pause(1min);
    order += "fast after 1 min, ";
    world.running()->pause(2h);
    order += "fast after 2 h";
  });
  run(world);
  CHECK(order == "fast after 1 min, slow after 1 h, fast after 2 h");
  CHECK(world.now() - began >= 2h + 1min);
}

TEST_CASE("the product's clock is the world's, and a look at it takes time") {
  const auto outside = Clock::now();
  World world(1);
  world.start("looks", [&] {
    const auto first = Clock::now();
    CHECK(Clock::now() > first);
    CHECK(first < Time(1h));  // the system's is another
  });
  run(world);
  CHECK(outside > Time{});
}

TEST_CASE("an eventfd wakes the process that reads it, and all its duplicates are one") {
  World world(7);
  const auto event = os::EventFd::create().value();
  const auto copy = event.duplicate().value();
  std::uint64_t count = 0;
  auto& reader = world.start("reader", [&] {
    world.running()->wait_until(Time::max());
    count = event.drain().value_or(0);
  });
  world.set_reader(event.fd(), &reader);
  world.start("writer", [&] {
    world.running()->pause(1s);
    copy.ring(3);
  });
  run(world);
  CHECK(count == 3);
  CHECK_FALSE(copy.drain());
}

TEST_CASE("of one that is killed counts what it had done, and nothing that it does as it lets go") {
  World world(1);
  const auto fd = os::create_memfd("world-test", 4096).value();
  MemoryView view;
  world.keep_memory(view, MemoryView(os::Mapping::create(fd.get(), 4096).value()));
  const auto memory = view.bytes();
  const auto event = os::EventFd::create().value();
  auto& process = world.start("victim", [&] {
    memory[0] = std::byte{1};
    event.ring();
    world.running()->pause(1s);
    memory[1] = std::byte{1};  // as a destructor might
    event.ring();
    CHECK(world.running()->killed());
    world.running()->restart();
  });
  world.start("killer", [&] {
    world.running()->pause(500ms);
    process.kill();
  });
  run(world);
  CHECK(memory[0] == std::byte{1});
  CHECK(memory[1] == std::byte{0});
  CHECK(event.drain() == 1);
}

TEST_CASE("one that is frozen goes on later, with what came meanwhile") {
  World world(1);
  const auto event = os::EventFd::create().value();
  Time went_on{};
  auto& frozen = world.start("frozen", [&] {
    world.running()->wait_until(Time::max());
    went_on = world.now();
  });
  world.set_reader(event.fd(), &frozen);
  world.start("other", [&] {
    frozen.freeze(5s);
    event.ring();
  });
  const auto began = world.now();
  run(world);
  CHECK(went_on - began >= 5s);
}

TEST_CASE("the same choice gives the same run, and another seed another one") {
  const auto digest_of = [](std::uint64_t seed) {
    const auto outcome = simulate::simulate({.seed = seed, .requests = 2'000});
    REQUIRE(outcome);
    CHECK(outcome->failure == "");
    CHECK(outcome->counts.answered == 2'000);
    return outcome->digest;
  };
  const auto first = digest_of(3);
  CHECK(first == digest_of(3));
  CHECK(first != digest_of(4));
}

TEST_CASE("what is lost and not looked for is found") {
  const auto plan = FaultPlan::parse("drop interrupt 1/50").value();
  const auto outcome = simulate::simulate({.requests = 5'000,
                                           .pairs = 1,
                                           .device = "echo",
                                           .queues = 1,
                                           .depth = 1,
                                           .faults = plan,
                                           .operator_on = false,
                                           .recover = false},
                                          10);
  REQUIRE(outcome);
  CHECK(outcome->failure.find("lost interrupt") != std::string::npos);
  CHECK(outcome->notes.size() == 10);
}

TEST_CASE("a wrong answer is found") {
  const auto plan = FaultPlan::parse("corrupt completion 100").value();
  for (const auto& device : device_names()) {
    CAPTURE(device);
    const auto outcome = simulate::simulate(
        {.requests = 1'000, .pairs = 1, .device = device, .faults = plan, .operator_on = false});
    REQUIRE(outcome);
    CHECK(outcome->failure.find("wrong") != std::string::npos);
  }
}
