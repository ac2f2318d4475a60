// SPDX-License-Identifier: BSD-3-Clause
//
// The device's side against servers that are not ours: one that speaks as QEMU's ivshmem-server
// does, and some that don't.
#include "vdev/transport/ivshmem/peer.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "vdev/devices/echo.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/process.hpp"
#include "vdev/testing/scripted_server.hpp"

using namespace bellwire;
using namespace bellwire::testing;
using ivshmem::Peer;
using ivshmem::PeerOptions;
using namespace std::chrono_literals;

namespace {

// The wires that QEMU's server would make: blank memory, and vectors of two peers.
struct Foreign {
  os::UniqueFd memory = os::create_memfd("ivshmem", 1 << 20).value();
  std::vector<os::EventFd> guest;   // peer 4
  std::vector<os::EventFd> device;  // peer 5: us
  ScriptedServer server;

  explicit Foreign(unsigned vectors) {
    for (unsigned index = 0; index < vectors; ++index) {
      guest.push_back(os::EventFd::create().value());
      device.push_back(os::EventFd::create().value());
    }
  }
  void greet_like_qemu() {
    server.accept();
    server.say(0);
    server.say(5);
    server.say(-1, memory.get());
    introduce_guest();
    for (const auto& event : device) server.say(5, event.fd());
  }
  void introduce_guest() {
    for (const auto& event : guest) server.say(4, event.fd());
  }
  GuestEnd guest_end() {
    GuestEnd end;
    for (const auto& event : device)
      end.doorbells.push_back(InterruptLine(event.duplicate().value()).interrupt());
    for (const auto& event : guest) end.interrupts.push_back(event.duplicate().value());
    end.memory = MemoryView(os::Mapping::create(memory.get(), 1 << 20).value());
    return end;
  }
};

// What connect() says to a server that follows `script`.
std::string refusal(const std::function<void(ScriptedServer&)>& script) {
  ScriptedServer server;
  std::thread thread([&] {
    server.accept();
    script(server);
  });
  boost::asio::io_context context;
  const auto peer = Peer::connect(context, {.path = server.path()}, {300ms, 300ms});
  thread.join();
  return peer ? "none" : peer.error().message;
}

bool mentions(const std::string& text, const char* word) {
  return text.find(word) != std::string::npos;
}

}  // namespace

TEST_CASE("a device runs on a server that speaks as QEMU's does, and formats its blank memory") {
  Foreign foreign(2);
  std::thread greeter([&] { foreign.greet_like_qemu(); });
  boost::asio::io_context context;
  const auto peer = Peer::connect(context, {.path = foreign.server.path(), .vectors = 2}).value();
  greeter.join();
  Echo echo;
  const RunningDevice running(echo, peer->attach().value());
  for (unsigned queue = 0; queue < 2; ++queue) {
    Driver driver(foreign.guest_end(), queue);
    CHECK(driver.call(bytes("plain ivshmem")).output == bytes("plain ivshmem"));
  }
  const auto end = foreign.guest_end();
  CHECK(ring::Layout::open(end.memory).value().device_line().peer == 5);
}

TEST_CASE("interrupts follow the guest that comes late, leaves, and comes again") {
  Foreign foreign(1);
  std::thread greeter([&] {
    foreign.server.accept();
    foreign.server.say(0);
    foreign.server.say(5);
    foreign.server.say(-1, foreign.memory.get());
    foreign.server.say(5, foreign.device[0].fd());
  });
  boost::asio::io_context context;
  const auto peer = Peer::connect(context, {.path = foreign.server.path()}).value();
  greeter.join();
  const auto interrupt = peer->attach().value().interrupts.at(0);
  interrupt.raise();
  CHECK(interrupt.fd() == -1);
  foreign.introduce_guest();
  context.poll();
  CHECK(foreign.guest[0].drain() == 1);  // what was pending
  interrupt.raise();
  CHECK(foreign.guest[0].drain() == 1);
  foreign.server.say(4);
  context.poll();
  CHECK(interrupt.fd() == -1);
  foreign.introduce_guest();
  context.poll();
  interrupt.raise();
  CHECK(foreign.guest[0].drain() == 1);
}

TEST_CASE("rule 49: the wires outlive their server") {
  Foreign foreign(1);
  std::thread greeter([&] { foreign.greet_like_qemu(); });
  boost::asio::io_context context;
  const auto peer = Peer::connect(context, {.path = foreign.server.path()}).value();
  greeter.join();
  Echo echo;
  const RunningDevice running(echo, peer->attach().value());
  foreign.server.hang_up();
  context.poll();
  Driver driver(foreign.guest_end(), 0);
  CHECK(driver.call(bytes("alone")).output == bytes("alone"));
}

TEST_CASE("a foreign server's eventfds keep their flags; full or empty ones stop no other queue") {
  Foreign foreign(3);
  std::vector<PeerEvent> guest, device;
  for (unsigned vector = 0; vector < 3; ++vector) {
    guest.emplace_back(foreign.guest[vector]);
    device.emplace_back(foreign.device[vector]);
  }
  const auto set_blocking = [&] {
    for (const auto* event : {&guest[0], &device[0], &device[1]}) event->set_blocking(true);
  };
  set_blocking();
  const int blocking = guest[0].flags();
  guest[0].fill();
  std::thread greeter([&] { foreign.greet_like_qemu(); });
  boost::asio::io_context context;
  const auto peer = Peer::connect(context, {.path = foreign.server.path(), .vectors = 3}).value();
  greeter.join();
  CHECK(guest[0].flags() == blocking);
  CHECK(device[0].flags() == blocking);
  CHECK((guest[1].flags() & O_NONBLOCK) != 0);

  set_blocking();
  Echo echo;
  const RunningDevice running(echo, peer->attach().value(), Polling::adaptive);
  for (int times = 0; times < 1000; ++times) {
    device[0].add(1);
    device[0].take();  // what the device is about to read
  }
  peer->attach().value().interrupts[0].raise();
  Driver driver(foreign.guest_end(), 2);
  CHECK(driver.call(bytes("another queue")).output == bytes("another queue"));
}

TEST_CASE("servers that make no sense are refused, and named with what they did") {
  CHECK(mentions(refusal([](auto&) { std::this_thread::sleep_for(400ms); }),
                 "the protocol version did not arrive within 300 ms"));
  CHECK(mentions(refusal([](auto& server) { server.hang_up(); }), "slot 0"));
  CHECK(mentions(refusal([](auto& server) { server.say(3); }), "version 3"));
  CHECK(mentions(refusal([](auto& server) {
                   server.say(0);
                   server.say(1);
                   server.say(-1, os::create_memfd("tiny", 64).value().get());
                 }),
                 "64 bytes"));
  CHECK(mentions(refusal([](auto& server) {
                   server.say(0);
                   server.say_bytes(bytes("garbage!"));
                 }),
                 "gave us the ID"));
  CHECK(mentions(refusal([](auto& server) {
                   server.say(0);
                   server.say_bytes(bytes("cut"));
                   std::this_thread::sleep_for(400ms);
                 }),
                 "an ID did not arrive"));
}

TEST_CASE("a server that is paused before it says anything is waited for") {
  Foreign foreign(2);
  std::thread greeter([&] {
    std::this_thread::sleep_for(500ms);
    foreign.greet_like_qemu();
  });
  boost::asio::io_context context;
  const auto peer = Peer::connect(context, {.path = foreign.server.path(), .vectors = 2},
                                  {.first = 20s, .rest = 100ms});
  CHECK(peer.has_value());
  greeter.join();
}

TEST_CASE("the time to wait is for the greeting as well") {
  Foreign foreign(2);
  std::thread greeter([&] {
    foreign.server.accept();
    foreign.server.say(0);
    std::this_thread::sleep_for(300ms);
    foreign.server.say(5);
    foreign.server.say(-1, foreign.memory.get());
    for (const auto& event : foreign.device) foreign.server.say(5, event.fd());
  });
  boost::asio::io_context context;
  const auto peer =
      Peer::connect(context, {.path = foreign.server.path(), .vectors = 2, .wait = 20s},
                    {.first = 10ms, .rest = 10ms});
  CHECK(peer.has_value());
  greeter.join();
}

TEST_CASE("every wait ends at once when it is stopped") {
  const TemporaryFolder folder;
  const ScriptedServer silent;
  const auto full = os::UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  folder.file("full").copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(full.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(full.get(), 0) == 0);
  const auto first = os::connect_unix(folder.file("full"), {});
  for (const auto& path : {folder.file("nobody"), silent.path(), folder.file("full")}) {
    CAPTURE(path);
    const auto stop = os::EventFd::create().value();
    std::thread signal([&] {
      std::this_thread::sleep_for(50ms);
      stop.ring();
    });
    boost::asio::io_context context;
    const auto peer = Peer::connect(context, {.path = path, .wait = 3600s, .stop = stop.fd()});
    signal.join();
    REQUIRE(peer.has_error());
    CHECK(peer.error().code == std::errc::operation_canceled);
  }
}

TEST_CASE("memory that is not a file is named") {
  int pipe[2];
  REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  const os::UniqueFd reads(pipe[0]), writes(pipe[1]);
  CHECK(mentions(refusal([&](auto& server) {
                   server.say(0);
                   server.say(1);
                   server.say(-1, reads.get());
                 }),
                 "a pipe is not a file that can be mapped"));
}

TEST_CASE("a message may arrive in pieces") {
  Foreign foreign(1);
  std::thread greeter([&] {
    foreign.server.accept();
    const std::byte zero[8]{};
    for (int piece = 0; piece < 8; ++piece) foreign.server.say_bytes(std::span(zero).first(1));
    foreign.server.say_bytes(std::span(zero).first(3));
    foreign.server.say_bytes(std::span(zero).first(5));
    foreign.server.say(-1, foreign.memory.get());
    foreign.server.say(0, foreign.device[0].fd());
  });
  boost::asio::io_context context;
  CHECK(Peer::connect(context, {.path = foreign.server.path()}).has_value());
  greeter.join();
}

TEST_CASE("nobody at the socket is an error that says what is missing") {
  boost::asio::io_context context;
  const auto peer = Peer::connect(context, {.path = "/nonexistent/socket"});
  REQUIRE(peer.has_error());
  CHECK(mentions(peer.error().message, "is a switchboard running at '/nonexistent/socket'?"));
}
