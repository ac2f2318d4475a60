// SPDX-License-Identifier: BSD-3-Clause
//
// What goes wrong with a connection as such: no message at all, half a one, a client that doesn't
// read, or that leaves.
#include <doctest/doctest.h>

#include "vdev/testing/vfio_user_messages.hpp"

using namespace bellwire;
using namespace bellwire::vfio_user;

TEST_CASE("headers that no message begins with end the connection") {
  AttackFixture scene;
  const auto before = scene.settled_fds();
  const Header bad[] = {
      {1, 4, 0, 0, 0},    {1, 4, 15, 0, 0}, {1, 4, most_message + 1, 0, 0},
      {1, 4, ~0U, 0, 0},  {1, 4, 32, 2, 0},  // no request and no reply
      {1, 4, 32, 0xF, 0},                    // likewise
      {1, 4, 32, 1, 0},                      // a reply to nothing
      {1, 11, 32, 1, 0},                     // to a DMA_READ that was never sent
  };
  for (const auto& header : bad) {
    CAPTURE(header.size);
    CAPTURE(header.flags);
    auto client = scene.attacker();
    client.agree();
    client.say_bytes(bytes_of(header) + Bytes(16), scene.fds(Command::device_set_irqs, 3));
    CHECK(client.outcome() == closed);
    scene.check_neighbour();
  }
  CHECK(scene.settled_fds() == before);
}

TEST_CASE("a message that is cut off by its sender's end, at every byte") {
  AttackFixture scene;
  const auto whole = pack(command_header(Command::region_write, 1), access(0, 0, 4, 4));
  const auto before = scene.settled_fds();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    auto client = scene.attacker();
    client.agree();
    client.say_bytes(Bytes(whole.begin(), whole.begin() + static_cast<long>(size)),
                     scene.fds(Command::dma_map, 2));
  }
  scene.check_neighbour();
  CHECK(scene.settled_fds() == before);
}

TEST_CASE("a client that never reads its replies stalls nobody else") {
  AttackFixture scene;
  auto client = scene.attacker();
  client.agree();
  const auto request = access(0, 1, 16384);
  for (int count = 0; count < 200; ++count)
    client.say(command_header(Command::region_read, 1), request);
  scene.check_neighbour();
  for (int count = 0; count < 200; ++count) REQUIRE(client.outcome() == accepted);
  CHECK(client.last.payload.size() == sizeof(RegionAccess) + 16384);
}

TEST_CASE("a client that leaves hundreds of messages behind makes room for the next at once") {
  AttackFixture scene;
  const auto ring = access(TestFunction::narrow.offset, 0, 1, 1);
  for (int turn = 0; turn < 20; ++turn) {
    auto client = scene.attacker();
    client.agree();
    for (int count = 0; count < 200; ++count)
      client.say(command_header(Command::region_write, 1, flags::no_reply), ring);
  }
  auto next = Client::connect(scene.served.path(0)).value();
  CHECK(next.load<std::uint8_t>(0, TestFunction::narrow.offset).value() == 4000 % 256);
}

namespace {

constexpr std::uint64_t mapped_at = 0x100000;

// A client with so many unread replies, to which the device then writes, while nothing comes from
// it. At one number of them all replies are sent, and the device's message meets a full socket.
struct Filled {
  RawClient client;
  std::size_t replies;

  Filled(ServedFunctions<>& served, std::size_t count) : client(served.path()), replies(count) {
    constexpr std::uint32_t data = 8192;
    client.agree();
    REQUIRE(client.ask(Command::dma_map, dma_map(32, both, 0, mapped_at, most_dma_transfer)) ==
            accepted);
    for (std::size_t sent = 0; sent < replies; ++sent)
      client.say(command_header(Command::region_read, 1), access(0, 1, data));
    const auto all = replies * (sizeof(Header) + sizeof(RegionAccess) + data);
    for (int tries = 0; tries < 100 && client.unread() < all; ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    served.with([](TestFunction& function) {
      function.memory().write(mapped_at, std::span(function.buffer).first(most_dma_transfer),
                              [](const Result<void>&) {});
    });
    served.with([](TestFunction&) {});
  }

  void read_all() {
    for (std::size_t read = 0; read < replies; ++read) REQUIRE(client.outcome() == accepted);
    REQUIRE(client.outcome() == accepted);
    REQUIRE(client.last.header.command == static_cast<std::uint16_t>(Command::dma_write));
    CHECK(client.last.payload.size() == sizeof(DmaAccess) + most_dma_transfer);
    client.answer({});  // as QEMU does: a header alone
  }
};

constexpr std::size_t most_replies = 28;

}  // namespace

TEST_CASE("a message of ours that meets a full socket is sent when there is room") {
  ServedFunctions<> served;
  for (std::size_t replies = 1; replies <= most_replies; ++replies) {
    CAPTURE(replies);
    Filled(served, replies).read_all();
  }
}

TEST_CASE("a client that sends before it reads is not waited for by a device that writes") {
  ServedFunctions<> served;
  constexpr std::uint32_t data = 16384;
  constexpr int writes = 24;  // more than a socket holds
  const auto write = access(0, 1, data, data);
  for (std::size_t replies = 1; replies <= most_replies; ++replies) {
    CAPTURE(replies);
    Filled filled(served, replies);
    for (int count = 0; count < writes; ++count)
      REQUIRE(filled.client.say(command_header(Command::region_write, 1, flags::no_reply), write));
    filled.read_all();
  }
}
