// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/protocol/framing.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>

#include "vdev/os/unix_socket.hpp"

using namespace bellwire;
using namespace bellwire::vhost_user;

namespace {

struct Pair {
  os::UniqueFd near, far;
  FrameReader reader;
  Pair() {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
    near.reset(fds[0]);
    far.reset(fds[1]);
  }
  Result<std::optional<Message>> get(const Bytes& bytes) {
    REQUIRE(os::send_parcel(far.get(), bytes).value() == bytes.size());
    return reader.next(near.get());
  }
};

Bytes raw(std::uint32_t flags, std::uint32_t size) {
  Bytes bytes;
  append(bytes, Header{1, flags, size});
  return bytes;
}

}  // namespace

TEST_CASE("a request arrives as it was packed, and its answer has flags 5") {
  Pair pair;
  const auto got =
      pair.get(pack(Request::set_vring_num, vhost_vring_state{1, 256}, flags::need_reply))
          .value()
          .value();
  CHECK(got.header.request == 8);
  CHECK(got.needs_reply());
  CHECK_FALSE(got.reply());
  CHECK(head<vhost_vring_state>(got.payload)->num == 256);
  const auto answer = pair.get(pack_reply(got.header.request, std::uint64_t{7})).value().value();
  CHECK(answer.header.flags == 5);
  CHECK(answer.header.size == 8);
  CHECK(head<std::uint64_t>(answer.payload) == std::uint64_t{7});
}

TEST_CASE("another version, or a payload longer than any, is an error") {
  for (const auto& bytes :
       {raw(0, 0), raw(2, 0), raw(3, 0), raw(1, most_payload + 1), raw(1, 0xFFFFFFFF)}) {
    Pair pair;
    const auto got = pair.get(bytes);
    REQUIRE(got.has_error());
    CHECK(got.error().code == std::errc::protocol_error);
  }
  Pair pair;
  CHECK_FALSE(pair.get(raw(1, most_payload)).value().has_value());
  CHECK(pair.get(Bytes(most_payload)).value()->payload.size() == most_payload);
}
