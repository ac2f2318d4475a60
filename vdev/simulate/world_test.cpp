// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/simulate/world.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "vdev/os/event_fd.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/simulate/loop.hpp"
#include "vdev/simulate/simulation.hpp"
#include "vdev/transport/ivshmem/protocol.hpp"
#include "vdev/transport/ivshmem/switchboard.hpp"

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

namespace {

// For the processes of a test.
void pause(Duration time) {
  World::current()->running()->pause(time);
}

std::vector<std::byte> bytes_of(std::size_t count) {
  return std::vector<std::byte>(count, std::byte{7});
}

}  // namespace

TEST_CASE("a socket carries messages and eventfds from process to process, on the world's clock") {
  World world(1);
  std::uint64_t count = 0;
  std::string name;
  const auto event = os::EventFd::create().value();
  auto& server = world.start("server", [&] {
    auto listener = os::Listener::create("/test").value();
    CHECK(os::wait_for_peer(listener.fd(), 1h, -1) == os::Waited::readable);
    auto connection = std::move(*listener.accept().value());
    name = connection.peer_name;
    CHECK(ivshmem::send(connection.socket.get(), 4711, event.fd()).value());
    pause(1s);
  });
  auto& client = world.start("client", [&] {
    pause(10s);
    const auto socket = os::connect_unix("/test", "somebody").value();
    ivshmem::MessageReader reader;
    std::optional<ivshmem::Message> message;
    while (!message) {
      CHECK(os::wait_for_peer(socket.get(), 1h, -1) == os::Waited::readable);
      message = reader.next(socket.get()).value();
    }
    CHECK(message->value == 4711);
    const auto received = os::EventFd::adopt(std::move(message->fd)).value();
    received.ring(3);
    while (!os::hung_up(socket.get())) pause(1ms);
    CHECK(reader.next(socket.get()).error().code == std::errc::connection_reset);
  });
  run(world);
  CHECK(name == "somebody");
  count = event.drain().value_or(0);
  CHECK(count == 3);
  CHECK(world.now() >= Time(10s));
  CHECK(world.files().open_of(server) == 0);
  CHECK(world.files().open_of(client) == 0);
}

TEST_CASE("a socket whose peer does not read is full, and then writable again") {
  World world(1);
  world.start("server", [] {
    auto listener = os::Listener::create("/test").value();
    while (os::wait_for_peer(listener.fd(), 1h, -1) != os::Waited::readable) continue;
    const auto socket = std::move(listener.accept().value()->socket);
    os::send_little(socket.get());
    unsigned sent = 0;
    while (os::send_message(socket.get(), bytes_of(8), -1).value()) ++sent;
    CHECK(sent > 1);
    CHECK(os::has_unread(socket.get()));
    CHECK_FALSE(os::wait_writable(socket.get(), 1s));
    CHECK(os::wait_writable(socket.get(), 1h));
    CHECK(os::has_unread(socket.get()));  // the last message
  });
  world.start("client", [] {
    const auto socket = os::connect_unix("/test", "").value();
    pause(1min);
    while (!os::hung_up(socket.get())) {
      auto bytes = bytes_of(8);
      CHECK(os::receive_bytes(socket.get(), bytes));
      pause(1s);
    }
  });
  run(world);
}

TEST_CASE("nobody serves a path before there is a listener, and after it was killed") {
  World world(1);
  auto& server = world.start("server", [] {
    pause(1s);
    const auto listener = os::Listener::create("/test").value();
    CHECK(os::Listener::create("/test").error().code == std::errc::address_in_use);
    World::current()->running()->wait_until(Time(1h));
  });
  world.start("client", [&] {
    CHECK(os::connect_unix("/test", "").error().code == std::errc::no_such_file_or_directory);
    pause(10s);
    const auto waiting = os::connect_unix("/test", "").value();
    server.kill();
    server.wake();
    pause(10s);
    auto bytes = bytes_of(1);
    CHECK(os::receive_bytes(waiting.get(), bytes).error().code == std::errc::connection_reset);
    CHECK(os::peer_left(waiting.get()));
    CHECK(os::connect_unix("/test", "").error().code == std::errc::connection_refused);
  });
  run(world);
}

TEST_CASE("what is killed sends and connects no more") {
  World world(1);
  std::size_t arrived = 0;
  world.start("server", [&] {
    auto listener = os::Listener::create("/test").value();
    pause(10s);
    const auto socket = std::move(listener.accept().value()->socket);
    CHECK_FALSE(listener.accept().value());
    std::array<std::byte, 16> bytes{};
    arrived = os::receive_bytes(socket.get(), bytes).value().value();
    CHECK(os::hung_up(socket.get()));
  });
  world.start("victim", [&] {
    pause(1s);
    {
      const auto socket = os::connect_unix("/test", "").value();
      CHECK(os::send_message(socket.get(), bytes_of(8), -1).value());
      world.running()->die_here();
      CHECK(os::send_message(socket.get(), bytes_of(8), -1).value());
      CHECK_FALSE(os::connect_unix("/test", ""));
    }
    world.running()->restart();
  });
  run(world);
  CHECK(arrived == 8);
}

TEST_CASE("the product's switchboard serves the product's peers, and notices that one has left") {
  World world(1);
  bool left = false;
  auto& board = world.start("switchboard", [&] {
    Loop loop(*world.running());
    const auto made = ivshmem::Switchboard::create(
        loop.context(), {.path = "/test", .vectors = 2, .memory = 64 << 10});
    REQUIRE(made);
    const auto alone = world.files().open_of(*world.running());
    loop.run([&] { return left && world.files().open_of(*world.running()) == alone; });
  });
  world.start("device", [&] {
    pause(1s);
    {
      Loop loop(*world.running());
      const auto peer = ivshmem::Peer::connect(loop.context(), {.path = "/test"}).value();
      const auto attachment = peer->attach().value();
      CHECK(attachment.doorbells.size() == 2);
      CHECK(world.serial(attachment.doorbells[0].fd()) != 0);
      CHECK(world.serial(attachment.interrupts[1].fd()) !=
            world.serial(attachment.doorbells[1].fd()));
    }
    CHECK(world.files().open_of(*world.running()) == 0);
    left = true;
  });
  run(world);
  CHECK(left);
  CHECK(world.files().open_of(board) == 0);
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

TEST_CASE("at a switchboard all is answered while it, devices, guests and strangers come and go") {
  BoardCounts counts;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    const auto outcome =
        simulate::simulate({.seed = seed, .requests = 4'000, .pairs = 2, .switchboard = true});
    REQUIRE(outcome);
    CHECK(outcome->failure == "");
    CHECK(outcome->counts.answered == 4'000);
    REQUIRE(outcome->switchboard);
    counts.starts += outcome->switchboard->starts;
    counts.joined += outcome->switchboard->joined;
    counts.refused += outcome->switchboard->refused;
    counts.strangers += outcome->switchboard->strangers;
  }
  CHECK(counts.starts > 6);
  CHECK(counts.joined > 24);
  CHECK(counts.refused > 0);
  CHECK(counts.strangers > 0);
}

TEST_CASE("without an operator nobody disturbs a switchboard") {
  const auto outcome = simulate::simulate({.requests = 1'000,
                                           .pairs = 2,
                                           .faults = FaultPlan{},
                                           .switchboard = true,
                                           .operator_on = false});
  REQUIRE(outcome);
  CHECK(outcome->failure == "");
  CHECK(outcome->switchboard->starts == 1);
  CHECK(outcome->switchboard->strangers == 0);
  CHECK(outcome->counts.answered == 1'000);
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
