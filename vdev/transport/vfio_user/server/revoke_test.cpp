// SPDX-License-Identifier: BSD-3-Clause
//
// What a client takes back, or leaves behind, is not used any more once it has its reply: memory,
// transfers on their way, eventfds, descriptors of half a message.
#include <doctest/doctest.h>

#include "vdev/testing/vfio_user_messages.hpp"

using namespace bellwire;
using namespace bellwire::vfio_user;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t revoked = 0x100000;
constexpr std::uint32_t room = 4 * most_dma_transfer;

template <class Register>
Bytes write_register(Register reg, typename Register::Value value) {
  return bytes_of(RegionAccess{reg.offset, 0, sizeof value}) + bytes_of(value);
}

std::uint32_t load(RawClient& client, std::uint64_t offset) {
  REQUIRE(client.ask(Command::region_read, access(offset, 0, 4)) == accepted);
  REQUIRE(client.last.header.command == static_cast<std::uint16_t>(Command::region_read));
  return *head<std::uint32_t>(std::span(client.last.payload).subspan(sizeof(RegionAccess)));
}

// A client whose memory is reached by messages, and the first message of a transfer has come to it.
struct MidTransfer {
  ServedFunctions<> served;
  RawClient client{served.path()};

  template <class Register>
  explicit MidTransfer(Register direction) {
    client.agree();
    REQUIRE(client.ask(Command::dma_map, dma_map(32, both, 0, revoked, room)) == accepted);
    REQUIRE(client.ask(Command::region_write, write_register(TestFunction::address, revoked)) ==
            accepted);
    client.say(command_header(Command::region_write, 2, flags::no_reply),
               write_register(direction, room));
    REQUIRE(client.outcome() == accepted);
    REQUIRE_FALSE(client.last.reply());
    request = std::move(client.last);
  }

  // Answers the message that came, as a client does that had not yet sent its own.
  void answer_late() {
    const auto asked = *head<DmaAccess>(request.payload);
    const bool reads = request.header.command == static_cast<std::uint16_t>(Command::dma_read);
    client.last.header = request.header;
    client.answer(bytes_of(asked) + Bytes(reads ? asked.count : 0, std::byte{0xEE}));
  }
  bool buffer_untouched() {
    return served.with([](TestFunction& function) {
      return std::ranges::all_of(function.buffer,
                                 [](std::byte byte) { return byte == std::byte{}; });
    });
  }

  Message request;
};

}  // namespace

TEST_CASE("a transfer by messages ends when its memory is unmapped, before the reply") {
  const auto check = [](MidTransfer& scene) {
    REQUIRE(scene.client.ask(Command::dma_unmap, bytes_of(DmaUnmap{24, 0, revoked, room})) ==
            accepted);
    CHECK(scene.client.last.header.command == static_cast<std::uint16_t>(Command::dma_unmap));
    scene.answer_late();
    // No other message of the transfer comes before, or instead of, this reply.
    CHECK(load(scene.client, TestFunction::result.offset) == EFAULT);
    CHECK(load(scene.client, TestFunction::finished.offset) == 1);
    CHECK(scene.buffer_untouched());
  };
  SUBCASE("read") {
    MidTransfer scene(TestFunction::fetch);
    check(scene);
  }
  SUBCASE("written") {
    MidTransfer scene(TestFunction::put);
    check(scene);
  }
}

TEST_CASE("a transfer by messages ends when the device is reset, before the reply") {
  MidTransfer scene(TestFunction::fetch);
  REQUIRE(scene.client.ask(Command::device_reset, {}) == accepted);
  CHECK(scene.client.last.header.command == static_cast<std::uint16_t>(Command::device_reset));
  scene.answer_late();
  CHECK(load(scene.client, TestFunction::result.offset) == ECANCELED);
  CHECK(scene.buffer_untouched());
  // The memory is still there, and transfers go on.
  scene.client.say(command_header(Command::region_write, 2, flags::no_reply),
                   write_register(TestFunction::fetch, 8));
  REQUIRE(scene.client.outcome() == accepted);
  CHECK(scene.client.last.header.command == static_cast<std::uint16_t>(Command::dma_read));
}

TEST_CASE("memory that ends at 2^64 is given, used and taken back like any other") {
  constexpr std::uint64_t top = ~std::uint64_t{0} - room + 1;
  ServedFunctions<> served;
  auto client = Client::connect(served.path()).value();
  const auto memfd = os::create_memfd("guest", room).value();
  REQUIRE(client.map(top, room, memfd.get()).has_value());
  CHECK(served.with([](TestFunction& function) { return function.memory().map(top, room); }));
  CHECK(client.unmap(top, room / 2).has_error());
  REQUIRE(client.unmap(top, room).has_value());
  CHECK_FALSE(served.with([](TestFunction& function) { return function.memory().map(top, 1); }));
}

TEST_CASE("interrupts that are taken back are not raised any more") {
  ServedFunctions<> served;
  RawClient client(served.path());
  client.agree();
  const auto events = os::create_events(2).value();
  const auto connect = [&] {
    REQUIRE(client.ask(Command::device_set_irqs, irq_set(fd_trigger, msix, 0, 2),
                       {events[0].fd(), events[1].fd()}) == accepted);
  };
  const auto rung = [&](unsigned vector) {
    REQUIRE(client.ask(Command::region_write, write_register(TestFunction::raise, vector)) ==
            accepted);
    return events[vector].drain().has_value();
  };
  connect();
  CHECK(rung(0));
  SUBCASE("one by one") {
    REQUIRE(client.ask(Command::device_set_irqs, irq_set(fd_trigger, msix, 0, 1)) == accepted);
    CHECK_FALSE(rung(0));
    CHECK(rung(1));
  }
  SUBCASE("all of the index") {
    REQUIRE(client.ask(Command::device_set_irqs, irq_set(none_trigger, msix, 0, 0)) == accepted);
    CHECK_FALSE(rung(0));
    CHECK_FALSE(rung(1));
  }
}

TEST_CASE("descriptors of a client that left in the middle of a message are closed") {
  ServedFunctions<> served;
  const auto before = open_fds();
  const auto events = os::create_events(3).value();
  const auto message =
      pack(command_header(Command::device_set_irqs, 1), irq_set(fd_trigger, msix, 0, 3));
  {
    RawClient client(served.path());
    client.agree();
    CHECK(served.clients() == 1);
    client.say_bytes(Bytes(message.begin(), message.end() - 4),
                     {events[0].fd(), events[1].fd(), events[2].fd()});
  }
  // Nobody else comes in its place.
  while (served.clients() != 0) std::this_thread::yield();
  served.with([](TestFunction&) {});  // the handlers that waited for its socket have run
  CHECK(open_fds() == before + 3);
}
