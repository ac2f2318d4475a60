// SPDX-License-Identifier: BSD-3-Clause
//
// When a ring is served: rules 50 and 53 to 57, 64 to 66 and 71 of docs/semantics.md.
#include <algorithm>
#include <string>

#include "vdev/testing/vhost_user_script.hpp"

using namespace bellwire;
using namespace bellwire::testing;
using vhost_user::bit;
namespace feature = vhost_user::feature;

TEST_CASE("a ring is served while it is started and enabled, in whichever order (50, 53)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.negotiate();
  front.share_memory();
  front.set_ring(0, "ECNBA");
  front.submit(0, 7);
  front.settle();
  CHECK(served.device.handled == 0);
  front.set_ring(0, "K");
  CHECK(front.used().token == 7);
  front.enable(0, false);
  front.settle();
  front.submit(0, 8);
  front.queues[0].kick.ring();
  front.settle();
  CHECK(served.device.handled == 1);
  front.enable(0, true);
  CHECK(front.used().token == 8);
}

TEST_CASE("every order of the ring's messages works (64)") {
  std::string order = "ABCEKN";
  do {
    CAPTURE(order);
    ServedBackend served;
    served.device.at_once = true;
    ScriptedFrontEnd front(served);
    front.negotiate();
    front.share_memory();
    front.submit(0, 1);
    front.set_ring(0, order);
    CHECK(front.used().token == 1);
  } while (std::ranges::next_permutation(order).found);
}

TEST_CASE("memory may be shared after the rings were set up, and features accepted last") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.protocol(front.ask(Request::get_protocol_features));
  front.set_ring(0, "CNBAKE");
  front.share_memory();
  front.submit(0, 3);
  front.accept();
  CHECK(front.used().token == 3);
}

TEST_CASE("without feature bit 30, rings are enabled from the start (54)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.say(Request::set_features, bit(VIRTIO_F_VERSION_1));
  front.share_memory();
  front.set_ring(0, "CNBAK");
  front.submit();
  (void)front.used();
}

TEST_CASE("accepting features again changes no ring's state (54)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.set_up();
  front.set_ring(1, "CNBAK");
  front.accept(bit(VHOST_F_LOG_ALL));
  front.accept();
  front.submit(0, 1);
  CHECK(front.used(0).token == 1);
  front.submit(1, 2);
  front.settle();
  CHECK(served.device.handled == 1);
}

TEST_CASE("GET_VRING_BASE stops a ring, leaves it enabled, and may come twice (55)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.set_up();
  for (unsigned count = 0; count < 3; ++count) {
    front.submit(0, count);
    CHECK(front.used().token == count);
  }
  CHECK(front.stop(0) == 3);
  CHECK(front.stop(0) == 3);
  CHECK(front.stop(1) == 0);
  front.submit(0, 9);
  front.settle();
  CHECK(served.device.handled == 3);
  front.set_ring(0, "BK", 3);
  CHECK(front.used().token == 9);
}

TEST_CASE("a ring that was only given its base answers with it") {
  ServedBackend served;
  ScriptedFrontEnd front(served);
  front.negotiate();
  front.set_ring(1, "B", 0xABCD);
  CHECK(front.stop(1) == 0xABCD);
}

TEST_CASE("GET_VRING_BASE waits for requests in flight, and the loop does not (56)") {
  ServedBackend served;
  served.device.patient = true;
  ScriptedFrontEnd front(served);
  front.set_up();
  front.start(1);
  front.submit(0, 1);
  front.submit(1, 2);
  REQUIRE(served.loop.run_until([&] { return served.device.held.size() == 2; }));
  front.say(Request::get_vring_base, vhost_vring_state{0, 0});
  front.say(Request::get_features);
  REQUIRE(served.loop.run_until([&] { return served.device.cancels > 0; }));
  served.loop.run();
  std::erase_if(served.device.held, [](const auto& request) { return request.queue() == 1; });
  CHECK(front.used(1).token == 2);  // the other ring goes on meanwhile
  served.device.held.clear();
  const auto first = front.answer().value();
  CHECK(first.header.request == static_cast<std::uint32_t>(Request::get_vring_base));
  CHECK(vhost_user::head<vhost_vring_state>(first.payload)->num == 1);
  CHECK(front.used(0).token == 1);
  CHECK(front.answer()->header.request == static_cast<std::uint32_t>(Request::get_features));
}

TEST_CASE(
    "what is available already is served without a kick, and a spurious kick is harmless (57)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.negotiate();
  front.share_memory();
  front.offer(0, 5);
  front.start();
  CHECK(front.used().token == 5);
  front.queues[0].kick.ring();
  front.settle();
  front.submit(0, 6);
  CHECK(front.used().token == 6);
  CHECK(front.queues[0].call.drain().value_or(0) > 0);
}

TEST_CASE("a call is replaced while running, and none is lost (65)") {
  ServedBackend served;
  ScriptedFrontEnd front(served);
  front.set_up();
  front.submit(0, 1);
  REQUIRE(served.loop.run_until([&] { return served.device.held.size() == 1; }));
  front.say(Request::set_vring_call, vhost_user::vring::no_fd);
  front.settle();
  served.device.complete_first();
  CHECK(front.used().token == 1);
  CHECK_FALSE(front.queues[0].call.drain().has_value());
  const auto other = os::EventFd::create_shared().value();
  front.say(Request::set_vring_call, std::uint64_t{0}, {other.fd()});
  CHECK(served.loop.run_until([&] { return other.drain().has_value(); }));
  CHECK_FALSE(front.queues[0].call.drain().has_value());
}

TEST_CASE("a ring without a call runs, and so does one without a kick (65)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.negotiate();
  front.share_memory();
  front.set_ring(0, "NBAE");
  front.say(Request::set_vring_kick, vhost_user::vring::no_fd);
  front.settle();
  front.offer(0, 4);
  CHECK(front.used().token == 4);
}

TEST_CASE("a kick is replaced while running") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.set_up();
  front.settle();
  front.queues[0].kick = os::EventFd::create_shared().value();
  front.set_ring(0, "K");
  front.settle();
  front.submit(0, 1);
  CHECK(front.used().token == 1);
}

TEST_CASE("SET_VRING_ADDR again with the LOG flag is accepted while running (66)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.set_up();
  CHECK(front.acknowledged(Request::set_vring_addr, front.addresses(0, 1, 0x1000)) == 0);
  front.submit(0, 1);
  CHECK(front.used().token == 1);
  CHECK(front.acknowledged(Request::set_vring_addr, front.addresses(0, 4)) != 0);
}

TEST_CASE("a guest that was rebooted begins at 0 again: the used index is the memory's (66)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.set_up();
  for (unsigned count = 0; count < 5; ++count) {
    front.submit();
    (void)front.used();
  }
  CHECK(front.stop(0) == 5);
  front.reboot();
  front.set_ring(0, "BK", 0);
  front.submit(0, 77);
  CHECK(front.used().token == 77);
  CHECK(front.stop(0) == 1);
}

TEST_CASE(
    "a packed ring's base has both indexes and their wraps, or the available one alone (71)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served, true);
  front.negotiate();
  front.share_memory();
  front.start(0, 0x8000);
  front.submit(0, 1);
  CHECK(front.used().token == 1);
  CHECK(front.stop(0) == 0x8001'8001);
  front.set_ring(0, "BK", 0x8001'8001);
  front.submit(0, 2);
  CHECK(front.used().token == 2);
  CHECK(front.stop(0) == 0x8002'8002);
}
