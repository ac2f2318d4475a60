// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/protocol/framing.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>

#include "vdev/os/event_fd.hpp"
#include "vdev/os/unix_socket.hpp"

using namespace bellwire;
using namespace bellwire::vfio_user;

namespace {

struct Pair {
  os::UniqueFd near;
  os::UniqueFd far;
  Pair() {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
    near.reset(fds[0]);
    far.reset(fds[1]);
  }
};

Bytes message(std::uint16_t id, std::size_t payload) {
  return pack(command_header(Command::region_write, id), Bytes(payload, std::byte{7}));
}

}  // namespace

TEST_CASE("a message comes whole, in whatever pieces it arrives") {
  const Pair pair;
  FrameReader reader;
  const auto bytes = message(3, 5);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    CHECK_FALSE(reader.next(pair.near.get()).value().has_value());
    REQUIRE(os::send_parcel(pair.far.get(), std::span(bytes).subspan(at, 1)).value() == 1);
  }
  const auto got = reader.next(pair.near.get()).value().value();
  CHECK(got.header.id == 3);
  CHECK(got.payload == Bytes(5, std::byte{7}));
  CHECK_FALSE(reader.next(pair.near.get()).value().has_value());
}

TEST_CASE("descriptors belong to the message that they came with") {
  const Pair pair;
  const auto event = os::EventFd::create(5).value();
  FrameWriter writer;
  writer.push({message(1, 0), {}});
  writer.push({message(2, 100), {event.fd(), event.fd()}});
  writer.push({message(3, 1), {event.fd()}});
  CHECK(writer.flush(pair.far.get()).value());
  FrameReader reader;
  CHECK(reader.next(pair.near.get()).value()->fds.empty());
  auto second = reader.next(pair.near.get()).value().value();
  REQUIRE(second.fds.size() == 2);
  CHECK(os::EventFd::adopt(std::move(second.fds[1])).value().drain() == 5);
  CHECK(reader.next(pair.near.get()).value()->fds.size() == 1);
}

TEST_CASE("a full socket takes the rest later") {
  const Pair pair;
  FrameWriter writer;
  for (std::uint16_t id = 0; id < 20; ++id) writer.push({message(id, 100'000), {}});
  CHECK_FALSE(writer.flush(pair.far.get()).value());
  FrameReader reader;
  for (std::uint16_t id = 0; id < 20; ++id) {
    auto got = reader.next(pair.near.get()).value();
    while (!got) {
      (void)writer.flush(pair.far.get()).value();
      got = reader.next(pair.near.get()).value();
    }
    CHECK(got->header.id == id);
    CHECK(got->payload.size() == 100'000);
  }
  CHECK(writer.empty());
}

TEST_CASE("bytes that are not a message are an error, and so is the end") {
  const auto fails = [](Header header) {
    const Pair pair;
    FrameReader reader;
    REQUIRE(os::send_parcel(pair.far.get(), std::as_bytes(std::span(&header, 1))).has_value());
    const auto got = reader.next(pair.near.get());
    return got.has_error() && got.error().code == std::errc::protocol_error;
  };
  CHECK(fails({1, 4, 15, 0, 0}));
  CHECK(fails({1, 4, most_message + 1, 0, 0}));
  CHECK(fails({1, 4, 16, 2, 0}));
  CHECK_FALSE(fails({1, 4, 16, 0, 0}));
  CHECK_FALSE(fails({1, 4, most_message, 1, 0}));
  Pair pair;
  pair.far.reset();
  FrameReader reader;
  CHECK(reader.next(pair.near.get()).error().code == std::errc::connection_reset);
}

TEST_CASE("a message to which descriptors keep coming is an error") {
  const Pair pair;
  const auto event = os::EventFd::create().value();
  const std::vector<int> fds(100, event.fd());
  const auto bytes = message(1, 64);
  FrameReader reader;
  bool refused = false;
  for (std::size_t at = 0; at < 4 && !refused; ++at) {
    REQUIRE(os::send_parcel(pair.far.get(), std::span(bytes).subspan(at, 1), fds).value() == 1);
    refused = reader.next(pair.near.get()).has_error();
  }
  CHECK(refused);
}
