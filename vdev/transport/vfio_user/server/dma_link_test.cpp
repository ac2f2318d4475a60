// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/dma_link.hpp"

#include <doctest/doctest.h>

using namespace bellwire;
using namespace bellwire::vfio_user;

namespace {

// A reply to the message that a DmaLink has sent.
Message reply_to(const Bytes& sent, std::size_t data, std::uint32_t flag = 0) {
  Message reply;
  reply.header = *head<Header>(sent);
  reply.header.flags = flags::reply | flag;
  reply.header.error = flag != 0 ? ENODEV : 0;
  reply.payload.resize(sizeof(DmaAccess) + data, std::byte{9});
  return reply;
}

}  // namespace

TEST_CASE("DMA messages go one at a time, no longer than the client takes, in order") {
  unsigned works = 0;
  DmaLink link([&] { ++works; });
  link.limit(64);
  Bytes into(100);
  std::string order;
  link.read(1000, into, [&](const Result<void>& done) { order += done ? 'r' : 'e'; });
  link.write(5000, into, [&](const Result<void>& done) { order += done ? 'w' : 'e'; });
  CHECK(works == 2);
  const auto first = link.next().value();
  CHECK_FALSE(link.next().has_value());
  CHECK(first.size() == sizeof(Header) + sizeof(DmaAccess));
  REQUIRE(link.take(reply_to(first, 64)).has_value());
  const auto second = link.next().value();
  CHECK(head<DmaAccess>(std::span(second).subspan(sizeof(Header)))->address == 1064);
  CHECK(head<DmaAccess>(std::span(second).subspan(sizeof(Header)))->count == 36);
  REQUIRE(link.take(reply_to(second, 36)).has_value());
  CHECK(order == "r");
  CHECK(into == Bytes(100, std::byte{9}));
  const auto third = link.next().value();
  CHECK(third.size() == sizeof(Header) + sizeof(DmaAccess) + 64);
  REQUIRE(link.take(reply_to(third, 0, flags::error)).has_value());
  CHECK(order == "re");
  CHECK_FALSE(link.next().has_value());
}

TEST_CASE("replies that nobody waits for, or of another size, are errors") {
  DmaLink link([] {});
  Bytes into(8);
  int outcome = -1;
  link.read(0, into, [&](const Result<void>& done) { outcome = done ? 0 : 1; });
  const auto sent = link.next().value();
  auto wrong = reply_to(sent, 8);
  ++wrong.header.id;
  CHECK(link.take(wrong).has_error());
  wrong = reply_to(sent, 8);
  wrong.header.command = static_cast<std::uint16_t>(Command::dma_write);
  CHECK(link.take(wrong).has_error());
  CHECK(link.take(reply_to(sent, 7)).has_error());
  CHECK(outcome == -1);
  link.fail(fault(std::errc::bad_address, "gone"));
  CHECK(outcome == 1);
  CHECK(link.take(reply_to(sent, 8)).has_error());
}

TEST_CASE("a done that asks for more is served") {
  DmaLink link([] {});
  Bytes into(8);
  int rounds = 0;
  std::function<void(const Result<void>&)> again = [&](const Result<void>&) {
    if (++rounds < 3) link.read(0, into, again);
  };
  link.read(0, into, again);
  while (auto sent = link.next()) REQUIRE(link.take(reply_to(*sent, 8)).has_value());
  CHECK(rounds == 3);
}

TEST_CASE("of memory that is taken back nothing more is sent, and a late answer is thrown away") {
  DmaLink link([] {});
  link.limit(8);
  Bytes taken(32);
  Bytes kept(8);
  std::string order;
  link.read(1000, taken, [&](const Result<void>& done) { order += done ? 'r' : 'e'; });
  link.write(1016, taken, [&](const Result<void>& done) { order += done ? 'w' : 'f'; });
  link.read(5000, kept, [&](const Result<void>& done) { order += done ? 'k' : 'g'; });
  const auto sent = link.next().value();
  link.drop(AddressRange::create(1000, 100).value(), fault(std::errc::bad_address, "gone"));
  CHECK(order == "ef");
  CHECK_FALSE(link.next().has_value());  // the client still owes an answer
  REQUIRE(link.take(reply_to(sent, 8)).has_value());
  CHECK(taken == Bytes(32));
  const auto next = link.next().value();
  REQUIRE(link.take(reply_to(next, 8)).has_value());
  CHECK(order == "efk");
  CHECK(link.take(reply_to(sent, 8)).has_error());
}

TEST_CASE("a transfer is dropped for the part that is left of it") {
  DmaLink link([] {});
  link.limit(8);
  Bytes bytes(16);
  int outcome = -1;
  link.read(1000, bytes, [&](const Result<void>& done) { outcome = done ? 0 : 1; });
  REQUIRE(link.take(reply_to(link.next().value(), 8)).has_value());
  link.drop(AddressRange::create(1000, 8).value(), fault(std::errc::bad_address, "gone"));
  CHECK(outcome == -1);
  link.drop(AddressRange::create(1015, 1).value(), fault(std::errc::bad_address, "gone"));
  CHECK(outcome == 1);
  CHECK_FALSE(link.next().has_value());
}
