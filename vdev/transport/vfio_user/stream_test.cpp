// SPDX-License-Identifier: BSD-3-Clause
//
// What goes wrong with a connection as such: no message at all, half a one, a client that doesn't
// read, or that leaves.
#include "vdev/transport/vfio_user/messages.hpp"

using namespace bellwire;
using namespace bellwire::vfio_user;

TEST_CASE("headers that no message begins with end the connection") {
  Scene scene;
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
  Scene scene;
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
  Scene scene;
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
  Scene scene;
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

TEST_CASE("a message of ours that meets a full socket is sent when there is room") {
  Served served;
  RawClient client(served.path());
  client.agree();
  constexpr std::uint64_t place = 0x100000;
  constexpr std::size_t size = most_dma_transfer;
  REQUIRE(client.ask(Command::dma_map, dma_map(32, both, 0, place, 16 * size)) == accepted);
  // Replies nearly fill the socket; then the device writes, while nothing comes from the client.
  constexpr int replies = 10;
  for (int count = 0; count < replies; ++count)
    client.say(command_header(Command::region_read, 1), access(0, 1, 16384));
  served.with([](TestFunction& function) {
    function.memory().write(place, std::span(function.buffer).first(8 * size),
                            [](const Result<void>&) {});
  });
  for (int count = 0; count < replies; ++count) REQUIRE(client.outcome() == accepted);
  for (int count = 0; count < 8; ++count) {
    REQUIRE(client.outcome() == accepted);
    REQUIRE(client.last.header.command == static_cast<std::uint16_t>(Command::dma_write));
    CHECK(client.last.payload.size() == sizeof(DmaAccess) + size);
    client.answer({});  // as QEMU does: a header alone
  }
}

TEST_CASE("a client that sends before it reads is not waited for by a device that writes") {
  Served served;
  RawClient client(served.path());
  client.agree();
  constexpr std::uint64_t place = 0x100000;
  REQUIRE(client.ask(Command::dma_map, dma_map(32, both, 0, place, 16 * most_dma_transfer)) ==
          accepted);
  for (int count = 0; count < 10; ++count)
    client.say(command_header(Command::region_read, 1), access(0, 1, 16384));
  served.with([](TestFunction& function) {
    function.memory().write(place, std::span(function.buffer).first(most_dma_transfer),
                            [](const Result<void>&) {});
  });
  // More than any socket holds.
  const auto ring = access(TestFunction::narrow.offset, 0, 1, 1);
  for (int count = 0; count < 2000; ++count)
    client.say(command_header(Command::region_write, 1, flags::no_reply), ring);
  client.say(command_header(Command::region_read, 2), access(TestFunction::narrow.offset, 0, 1));
  while (client.last.header.id != 2) REQUIRE(client.outcome() == accepted);
  CHECK(client.last.payload.back() == static_cast<std::byte>(2000 % 256));
}
