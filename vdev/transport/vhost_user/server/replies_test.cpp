// SPDX-License-Identifier: BSD-3-Clause
//
// What is answered, and what ends a session: rules 58 to 60, 69, 70 and 73 of docs/semantics.md.
#include "vdev/testing/vhost_user_script.hpp"

using namespace bellwire;
using namespace bellwire::testing;
using vhost_user::bit;
using vhost_user::Bytes;
namespace feature = vhost_user::feature;

TEST_CASE("features can be asked for before anything else (73)") {
  ServedBackend served;
  ScriptedFrontEnd front(served);
  const auto features = front.ask(Request::get_features);
  CHECK((features & bit(vhost_user::f_protocol_features)) != 0);
  CHECK((features & bit(VHOST_F_LOG_ALL)) != 0);
  CHECK((features & bit(5)) != 0);
  front.protocol(front.ask(Request::get_protocol_features));
  CHECK(front.ask(Request::get_queue_num) == 2);
  CHECK(front.ask(Request::get_max_mem_slots) == 509);
  front.say(Request::set_owner);
  front.accept();
  front.settle();
}

TEST_CASE("a network card's queues count as pairs, and its config space is the front-end's") {
  ServedBackend served({}, VIRTIO_ID_NET);
  ScriptedFrontEnd front(served);
  (void)front.ask(Request::get_features);
  const auto offered = front.ask(Request::get_protocol_features);
  CHECK((offered & bit(feature::config)) == 0);
  front.protocol(offered);
  CHECK(front.ask(Request::get_queue_num) == 1);
}

TEST_CASE("a request is answered exactly once, if it asks and that was negotiated (58)") {
  ServedBackend served;
  ScriptedFrontEnd front(served);
  const auto need = vhost_user::flags::need_reply;
  front.say(Request::set_owner, Bytes(), {}, need);  // not negotiated yet
  front.settle();
  CHECK(front.acknowledged(Request::set_protocol_features, bit(feature::reply_ack)) == 0);
  CHECK(front.acknowledged(Request::set_owner, Bytes()) == 0);
  front.say(Request::get_features, Bytes(), {}, need);  // has an answer of its own
  CHECK(front.answer()->header.flags == 5);
  front.settle();
  front.accept();
  front.settle();
}

TEST_CASE(
    "who uses an acknowledged feature without a word of it goes on after an earlier connection") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.accept();
  CHECK(front.ask(Request::get_status) == 0);
  front.say(Request::set_status, std::uint64_t{VIRTIO_CONFIG_S_DRIVER_OK});
  CHECK(front.acknowledged(Request::add_mem_reg, vhost_user::SingleRegion{0, front.region()},
                           {front.file().get()}) == 0);
  front.start();
  front.submit(0, 5);
  CHECK(front.used().token == 5);
}

TEST_CASE("who acknowledges some features gets no replies that it did not ask for") {
  ServedBackend served;
  ScriptedFrontEnd front(served);
  front.protocol(bit(feature::mq));
  CHECK(front.ask(Request::get_status) == 0);
  front.say(Request::set_owner, Bytes(), {}, vhost_user::flags::need_reply);
  front.settle();
}

TEST_CASE("what can't be done is refused, and closes the connection of who does not ask") {
  ServedBackend served;
  ScriptedFrontEnd front(served);
  front.negotiate();
  CHECK(front.acknowledged(Request::set_features, bit(40)) != 0);
  CHECK(front.acknowledged(Request::set_vring_num, vhost_vring_state{0, 0}) != 0);
  CHECK(front.acknowledged(Request::set_vring_num, vhost_vring_state{0, 257}) != 0);
  CHECK(front.acknowledged(Request::set_vring_num, vhost_vring_state{2, 16}) != 0);
  CHECK(front.acknowledged(Request::set_vring_enable, vhost_vring_state{0, 2}) != 0);
  CHECK(front.acknowledged(Request::set_protocol_features, bit(40)) != 0);
  CHECK(front.acknowledged(Request::gpu_set_socket, Bytes(), {front.file().get()}) != 0);
  CHECK(front.ask(Request::iotlb_msg, vhost_iotlb_msg{}) != 0);
  front.say(Request::set_vring_num, vhost_vring_state{0, 0});
  CHECK(front.closed());
}

TEST_CASE(
    "a malformed message closes the connection, is named once, and the next is served (59, 60)") {
  struct Wrong {
    const char* named;
    Bytes bytes;
    unsigned fds = 0;
  };
  const auto raw = [](std::uint32_t request, std::uint32_t flags, std::uint32_t size) {
    Bytes bytes;
    vhost_user::append(bytes, vhost_user::Header{request, flags, size});
    bytes.resize(bytes.size() + std::min<std::uint32_t>(size, 4096));
    return bytes;
  };
  const Wrong wrongs[] = {
      {"version 0", raw(1, 0, 0)},
      {"version 2", raw(1, 2, 0)},
      {"reply flag", raw(1, 5, 0)},
      {"4294967295 bytes", raw(1, 1, 0xFFFFFFFF)},
      {"request 0", raw(0, 1, 0)},
      {"request 4711", raw(4711, 1, 8)},
      {"SET_FEATURES with 7 bytes", raw(2, 1, 7)},
      {"GET_FEATURES with 1 descriptors", raw(1, 1, 0), 1},
      {"GET_FEATURES with 200 descriptors", raw(1, 1, 0), 200},
      {"SET_MEM_TABLE with 0 regions", raw(5, 1, 8)},
      {"SET_VRING_KICK with 0 descriptors", raw(12, 1, 8)},
      {"SET_VRING_CALL with 2 descriptors", raw(13, 1, 8), 2},
      {"SEND_RARP needs protocol feature 2", raw(19, 1, 8)},
      {"CHECK_DEVICE_STATE needs protocol feature 19", raw(43, 1, 0)},
  };
  ServedBackend served;
  {
    ScriptedFrontEnd settled(served);
    settled.settle();
  }
  served.loop.run();
  for (const auto& wrong : wrongs) {
    CAPTURE(wrong.named);
    const LogCatcher log;
    const auto before = open_descriptors();
    {
      ScriptedFrontEnd front(served);
      front.send(wrong.bytes, std::vector<int>(wrong.fds, front.file().get()));
      CHECK(front.closed());
    }
    served.loop.run();
    CHECK(log.count(wrong.named) == 1);
    CHECK(open_descriptors() == before);
  }
  ScriptedFrontEnd honest(served);
  served.device.at_once = true;
  honest.set_up();
  honest.submit();
  (void)honest.used();
}

TEST_CASE("a second front-end is refused, and served once the first has gone (70)") {
  ServedBackend served;
  std::optional<ScriptedFrontEnd> first(served);
  first->settle();
  ScriptedFrontEnd second(served);
  CHECK(second.closed());
  first->settle();
  first.reset();
  ScriptedFrontEnd third(served);
  third.settle();
}

TEST_CASE("a front-end that comes while the last one's requests end waits for them") {
  ServedBackend served;
  served.device.patient = true;
  std::optional<ScriptedFrontEnd> first(served);
  first->set_up();
  first->submit();
  REQUIRE(served.loop.run_until([&] { return served.device.held.size() == 1; }));
  first.reset();
  REQUIRE(served.loop.run_until([&] { return served.device.cancels > 0; }));
  ScriptedFrontEnd second(served);
  second.say(Request::get_features);
  served.loop.run();
  served.device.held.clear();
  CHECK(second.answer().has_value());
  CHECK(served.device.stops == 1);
  CHECK(served.memory.regions() == 0);
}

TEST_CASE("a back-end that connects comes back when its front-end has gone") {
  TemporaryFolder folder;
  auto listener = os::Listener::create(folder.file("vmm")).value();
  ServedBackend served({.path = folder.file("vmm"), .connect = true});
  for (unsigned count = 0; count < 3; ++count) {
    std::optional<os::Listener::Connection> came;
    REQUIRE(served.loop.run_until([&] { return (came = listener.accept().value()).has_value(); }));
    ScriptedFrontEnd front(served.loop, std::move(came->socket));
    front.settle();
  }
}

TEST_CASE("a socket that was handed over is served, and its end is told") {
  bool ended = false;
  os::UniqueFd far;
  ServedBackend served([&] {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
    far.reset(fds[1]);
    return vhost_user::ServerOptions{
        .path = "fd", .socket = os::UniqueFd(fds[0]), .on_end = [&] { ended = true; }};
  }());
  {
    ScriptedFrontEnd front(served.loop, std::move(far));
    front.settle();
  }
  CHECK(served.loop.run_until([&] { return ended; }));
}

TEST_CASE("the status reads as it was set, FEATURES_OK too, and 0 resets (69)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.set_up();
  constexpr std::uint64_t ok = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
                               VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;
  front.say(Request::set_status, ok);
  CHECK(front.ask(Request::get_status) == ok);
  front.submit(0, 1);
  CHECK(front.used().token == 1);
  front.say(Request::set_status, std::uint64_t{0});
  CHECK(front.ask(Request::get_status) == 0);
  CHECK(front.stop(0) == 1);  // its answer survives
  CHECK(front.acknowledged(Request::set_status, std::uint64_t{0x100}) != 0);
}

TEST_CASE("a reset stops and disables all rings, and the connection's state stays (69)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.set_up();
  front.submit(0, 1);
  CHECK(front.used().token == 1);
  front.say(Request::reset_owner);
  front.submit(0, 2);
  CHECK(front.used().token == 2);
  front.say(Request::reset_device);
  front.settle();
  front.submit(0, 3);
  front.settle();
  CHECK(served.device.handled == 2);
  front.accept();
  front.set_ring(0, "BKE", 2);
  CHECK(front.used().token == 3);
}
