// SPDX-License-Identifier: BSD-3-Clause
//
// Config space, and what a back-end asks of its front-end: rules 70 and 76 of docs/semantics.md.
#include <sys/socket.h>

#include "vdev/testing/vhost_user_script.hpp"

using namespace bellwire;
using namespace bellwire::testing;
using vhost_user::Bytes;
using vhost_user::ConfigAccess;

namespace {

Bytes config_access(std::uint32_t offset, std::uint32_t size, std::uint32_t flags = 0) {
  auto bytes = ScriptedFrontEnd::bytes_of(ConfigAccess{offset, size, flags});
  bytes.resize(bytes.size() + size);
  return bytes;
}

struct Channel {
  os::UniqueFd near, far;
  vhost_user::FrameReader reader;
  Channel() {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
    near.reset(fds[0]);
    far.reset(fds[1]);
  }
  std::optional<vhost_user::Message> next() {
    auto got = reader.next(near.get());
    return got ? std::move(*got) : std::nullopt;
  }
};

}  // namespace

TEST_CASE("config space is read at the request's size, and an error is an empty answer (70)") {
  ServedBackend served;
  ScriptedFrontEnd front(served);
  front.negotiate();
  const auto read = [&](std::uint32_t offset, std::uint32_t size) {
    front.say(Request::get_config, config_access(offset, size));
    return front.answer()->payload.size();
  };
  CHECK(read(0, 4) == 16);
  CHECK(read(2, 2) == 14);
  CHECK(read(0, 60) == 72);  // newer fields are zero
  CHECK(read(0, 256) == 268);
  CHECK(read(4, 1) == 0);
  CHECK(read(0xFFFFFFFF, 4) == 0);
  CHECK(read(0, 0) == 0);
}

TEST_CASE(
    "a read-only field is not written, and the guest's mistake does not end the session (70)") {
  ServedBackend served;
  ScriptedFrontEnd front(served);
  front.negotiate();
  CHECK(front.acknowledged(Request::set_config, config_access(0, 4)) != 0);
  CHECK(front.acknowledged(Request::set_config, config_access(0, 8)) != 0);
  CHECK(front.acknowledged(Request::set_config, config_access(0, 4, 2)) != 0);
  front.say(Request::set_config, config_access(0, 4));
  front.settle();
}

TEST_CASE("a size that is not the payload's is malformed") {
  for (const auto request : {Request::get_config, Request::set_config}) {
    ServedBackend served;
    ScriptedFrontEnd front(served);
    front.negotiate();
    auto wrong = config_access(0, 4);
    wrong.pop_back();
    front.say(request, wrong);
    CHECK(front.closed());
  }
}

TEST_CASE("a change of the config space is told on the back-end's channel alone (76)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  Channel channel;
  front.negotiate();
  CHECK(front.acknowledged(Request::set_backend_req_fd, Bytes(), {channel.far.get()}) == 0);
  front.share_memory();
  front.start();
  front.submit();
  (void)front.used();
  served.device.session->config.notify();
  std::optional<vhost_user::Message> got;
  REQUIRE(served.loop.run_until([&] { return (got = channel.next()).has_value(); }));
  CHECK(got->header.request == 2);
  CHECK(got->header.flags == 1);
  CHECK(got->payload.empty());
  front.settle();
  // While all rings are stopped, nothing is sent; afterwards it is.
  (void)front.stop(0);
  served.device.session->config.notify();
  served.loop.run();
  front.settle();
  CHECK_FALSE(channel.next().has_value());
  front.set_ring(0, "K");
  CHECK(served.loop.run_until([&] { return channel.next().has_value(); }));
}

TEST_CASE("a channel that nobody reads, or that is closed, stops nothing") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  Channel channel;
  front.negotiate();
  front.say(Request::set_backend_req_fd, Bytes(), {channel.far.get()});
  front.share_memory();
  front.start();
  front.submit();
  (void)front.used();
  for (unsigned count = 0; count < 2000; ++count) {
    served.device.session->config.notify();
    served.loop.run();
  }
  channel.near.reset();
  channel.far.reset();
  served.device.session->config.notify();
  served.loop.run();
  front.submit();
  (void)front.used();
  CHECK(front.acknowledged(Request::set_backend_req_fd, Bytes(), {front.file().get()}) != 0);
}
