// SPDX-License-Identifier: BSD-3-Clause
//
// A backend's queues: their states and their wires, in both layouts.
#include <doctest/doctest.h>
#include <linux/virtio_config.h>

#include <thread>

#include "vdev/testing/holding_device.hpp"
#include "vdev/testing/virtio_guest.hpp"

using namespace bellwire;
using namespace bellwire::virtio;
using namespace bellwire::testing;

namespace {

struct Observed final : QueueObserver {
  void taken(const Chain& chain) noexcept override { note('t', chain.id); }
  void returning(const Chain& chain, std::uint32_t written) noexcept override {
    note('r', chain.id + 10 * static_cast<int>(written));
  }
  void published(const QueuePosition& position) noexcept override { note('p', position.next_used); }
  void broken(const Error& why) noexcept override { faults.push_back(why.message); }
  void note(char what, int number) { events += text("{}{} ", what, number); }
  std::string events;
  std::vector<std::string> faults;
};

}  // namespace

TEST_CASE_TEMPLATE("a queue is served once it is started and enabled, in either order", Layout,
                   Split, Packed) {
  HoldingDevice device;
  device.at_once = true;
  VirtioGuest guest(device, {.packed = Layout::packed});
  guest.submit(0, 7);  // and kicks
  guest.run();
  CHECK(device.handled == 0);
  SUBCASE("started first") {
    guest.start_disabled(0);
    guest.run();
    CHECK(device.handled == 0);
    CHECK(guest.backend.set_enabled(0, true).has_value());
  }
  SUBCASE("enabled first") {
    CHECK(guest.backend.set_enabled(0, true).has_value());
    guest.run();
    CHECK(device.handled == 0);
    guest.start_disabled(0);
  }
  CHECK(guest.wait_used(0).token == 7);
  CHECK(guest.backend.counts(0).requests == 1);
  CHECK(guest.backend.counts(0).calls == 1);
}

TEST_CASE_TEMPLATE("what is available at the start is served without a kick", Layout, Split,
                   Packed) {
  HoldingDevice device;
  device.at_once = true;
  VirtioGuest guest(device, {.packed = Layout::packed});
  guest.submit(0, 7);
  CHECK(guest.queues[0].kick.drain() == 1);
  guest.start(0);
  CHECK(guest.wait_used(0).token == 7);
}

TEST_CASE_TEMPLATE("a disabled queue is left alone, and loses no kick", Layout, Split, Packed) {
  HoldingDevice device;
  VirtioGuest guest(device, {.packed = Layout::packed});
  guest.start_all();
  guest.submit(0, 1);
  guest.run();
  REQUIRE(guest.backend.set_enabled(0, false).has_value());
  guest.submit(0, 2);
  guest.submit(1, 3);
  guest.run();
  CHECK(device.handled == 2);  // not the second
  device.complete_first();
  CHECK(guest.wait_used(0).token == 1);  // what is in flight comes back all the same
  REQUIRE(guest.backend.set_enabled(0, true).has_value());
  CHECK(guest.run_until([&] { return device.handled == 3; }));
}

TEST_CASE_TEMPLATE("a stopped queue goes on where it was", Layout, Split, Packed) {
  HoldingDevice device;
  device.at_once = true;
  VirtioGuest guest(device, {.size = 4, .packed = Layout::packed});
  guest.start(0);
  std::uint64_t token = 0;
  for (int life = 0; life < 5; ++life) {
    for (int count = 0; count < 3; ++count) {
      guest.submit(0, ++token);
      CHECK(guest.wait_used(0).token == token);
    }
    const auto position = guest.stop(0);
    guest.submit(0, ++token);
    guest.run();
    CHECK(guest.backend.enabled(0));  // stays
    CHECK_FALSE(guest.backend.started(0));
    CHECK(guest.stop(0) == position);  // asked twice
    guest.start_disabled(0, position);
    CHECK(guest.wait_used(0).token == token);
  }
  CHECK(guest.stop(1) == QueuePosition{});  // never set up
  CHECK(device.handled == token);
  CHECK(device.starts == 1);
}

TEST_CASE_TEMPLATE("a call that is bound elsewhere while it runs gets what follows", Layout, Split,
                   Packed) {
  HoldingDevice device;
  device.at_once = true;
  VirtioGuest guest(device, {.packed = Layout::packed, .event_index = false});
  guest.start(0);
  guest.submit(0, 0);
  guest.wait_used(0);
  auto& queue = guest.queues[0];
  CHECK(queue.call.drain() == 1);
  (void)queue.line.unbind();
  guest.submit(0, 0);
  guest.wait_used(0);  // without a call, it runs
  const auto other = os::EventFd::create().value();
  queue.line.bind(other.duplicate().value());
  CHECK(other.drain() == 1);  // and what was missed comes
  guest.submit(0, 0);
  guest.wait_used(0);
  CHECK(other.drain() == 1);
  InterruptLine line(os::EventFd::create().value());
  REQUIRE(guest.backend.set_call(0, line.interrupt()).has_value());
  guest.submit(0, 0);
  guest.wait_used(0);
  CHECK(line.unbind()->drain() == 1);
  CHECK_FALSE(queue.call.drain());
}

TEST_CASE_TEMPLATE("a kick that is changed while it runs loses nothing", Layout, Split, Packed) {
  HoldingDevice device;
  VirtioGuest guest(device, {.packed = Layout::packed, .event_index = false});
  guest.start(0);
  guest.run();
  guest.submit(0, 1);  // kicks the old one
  auto other = os::EventFd::create().value();
  REQUIRE(guest.backend.set_kick(0, other.duplicate().value()).has_value());
  CHECK(guest.run_until([&] { return device.handled == 1; }));
  guest.queues[0].kick = std::move(other);
  guest.submit(0, 2);
  CHECK(guest.run_until([&] { return device.handled == 2; }));
  SUBCASE("there is none any more: it is polled") {
    REQUIRE(guest.backend.set_kick(0, std::nullopt).has_value());
    guest.queues[0].kick = os::EventFd::create().value();
    guest.submit(0, 3);
    CHECK(guest.run_until([&] { return device.handled == 3; }));
  }
  CHECK(guest.backend.set_kick(1, std::nullopt).has_error());  // it is not started
}

TEST_CASE_TEMPLATE("requests come back in the order in which they are completed", Layout, Split,
                   Packed) {
  HoldingDevice device;
  VirtioGuest guest(device, {.packed = Layout::packed});
  Observed observed;
  auto setup = guest.setup(0);
  setup.observer = &observed;
  REQUIRE(guest.backend.set_enabled(0, true).has_value());
  REQUIRE(guest.backend.start_queue(0, std::move(setup)).has_value());
  for (const std::uint64_t token : {0U, 1U, 2U}) guest.submit(0, token);
  REQUIRE(guest.run_until([&] { return device.handled == 3; }));
  CHECK(device.held[0].slot() != device.held[1].slot());
  device.complete_last();
  CHECK(guest.wait_used(0).token == 2);
  device.complete_first();
  const auto first = guest.wait_used(0);
  CHECK(first.token == 0);
  CHECK(first.written == 1);
  device.held.clear();  // given up
  const auto dropped = guest.wait_used(0);
  CHECK(dropped.token == 1);
  CHECK(dropped.written == 0);
  CHECK(observed.events == "t0 t1 t2 r12 p1 r10 p2 r1 p3 ");
}

TEST_CASE_TEMPLATE("a turn returns some before its end, unless the last one left requests behind",
                   Layout, Split, Packed) {
  HoldingDevice device;
  device.at_once = true;
  VirtioGuest guest(device, {.size = 128, .packed = Layout::packed});
  Observed observed;
  auto setup = guest.setup(0);
  setup.observer = &observed;
  constexpr unsigned turn = 64, after = 20;
  for (std::uint64_t token = 0; token < turn + after; ++token) guest.submit(0, token);
  REQUIRE(guest.backend.set_enabled(0, true).has_value());
  REQUIRE(guest.backend.start_queue(0, std::move(setup)).has_value());
  REQUIRE(guest.run_until([&] { return guest.backend.counts(0).completed == turn + after; }));
  const auto& events = observed.events;
  CHECK(events.find("p16 t16 ") != events.npos);
  CHECK(events.find("p64 t64 ") != events.npos);
  CHECK(events.find("t80 ") != events.npos);
  CHECK(events.find("p80 ") == events.npos);
  CHECK(events.ends_with("p84 "));
}

TEST_CASE_TEMPLATE("large requests are returned one by one", Layout, Split, Packed) {
  HoldingDevice device;
  device.at_once = true;
  VirtioGuest guest(device, {.packed = Layout::packed});
  Observed observed;
  auto setup = guest.setup(0);
  setup.observer = &observed;
  const virtio::GuestBuffer large[] = {guest.allocate(1 << 16)};
  for (std::uint64_t token = 0; token < 3; ++token) guest.submit(0, {}, large, token);
  REQUIRE(guest.backend.set_enabled(0, true).has_value());
  REQUIRE(guest.backend.start_queue(0, std::move(setup)).has_value());
  REQUIRE(guest.run_until([&] { return guest.backend.counts(0).completed == 3; }));
  CHECK(observed.events == "t0 r10 p1 t1 r11 p2 t2 r12 p3 ");
}

TEST_CASE_TEMPLATE("a polled queue needs no kick, and an idle one asks for them again", Layout,
                   Split, Packed) {
  HoldingDevice device;
  device.at_once = true;
  VirtioGuest guest(device, {.packed = Layout::packed, .options = {.polling = Polling::always}});
  guest.start_all();
  for (unsigned queue = 0; queue < 2; ++queue) {
    for (std::uint64_t token = 0; token < 200; ++token) {
      guest.submit(queue, token);
      CHECK(guest.wait_used(queue).token == token);
    }
    CHECK(guest.backend.counts(queue).kicks < 10);
  }
}

TEST_CASE("a lost kick is what the plan says, and the next one serves both") {
  HoldingDevice device;
  device.at_once = true;
  const auto second = std::make_shared<FaultTally>(FaultPlan::parse("drop doorbell 2").value());
  VirtioGuest guest(device, {.event_index = false, .options = {.faults = second}});
  guest.start(0);
  guest.run();
  guest.submit(0, 1);
  guest.wait_used(0);
  guest.submit(0, 2);
  for (int times = 0; times < 20; ++times) guest.run();
  CHECK(device.handled == 1);
  guest.submit(0, 3);
  CHECK(guest.wait_used(0).token == 2);
  CHECK(guest.wait_used(0).token == 3);
}

TEST_CASE("features: what was not offered is refused, and nothing changes while a queue runs") {
  HoldingDevice device;
  VirtioGuest guest(device);
  CHECK(guest.backend.set_driver_features(feature(7)).has_error());
  guest.backend.set_status(VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
  CHECK(guest.backend.status() == VIRTIO_CONFIG_S_DRIVER);
  guest.accept(feature(5) | feature(VIRTIO_F_VERSION_1));
  guest.backend.set_status(VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
  CHECK(guest.backend.status() == (VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK));
  guest.start(0);
  CHECK(device.session->features == (feature(5) | feature(VIRTIO_F_VERSION_1)));
  CHECK(guest.backend.set_driver_features(0).error().code == std::errc::device_or_resource_busy);
  guest.accept(feature(5) | feature(VIRTIO_F_VERSION_1));  // again: that is nothing
  CHECK(device.stops == 0);
  guest.stop(0);
  guest.accept(0);
  CHECK(device.stops == 1);
}

TEST_CASE("packed rings are offered unless the options say otherwise") {
  for (const bool packed : {true, false}) {
    HoldingDevice device;
    VirtioGuest guest(device, {.options = {.packed = packed}});
    const auto offered = guest.backend.device_features() & feature(VIRTIO_F_RING_PACKED);
    CHECK((offered != 0) == packed);
    CHECK(guest.backend.set_driver_features(feature(VIRTIO_F_RING_PACKED)).has_value() == packed);
  }
}

TEST_CASE("a device that can't start says so to whoever starts a queue, and in the status") {
  HoldingDevice device;
  device.refuses = true;
  VirtioGuest guest(device);
  CHECK(guest.backend.start_queue(0, guest.setup(0)).error().code == std::errc::no_such_device);
  CHECK((guest.backend.status() & VIRTIO_CONFIG_S_NEEDS_RESET) != 0);
  CHECK_FALSE(guest.backend.started(0));
  device.refuses = false;
  guest.backend.reset_now();
  CHECK(guest.backend.status() == 0);
  guest.start(0);
  CHECK(device.starts == 1);
}

TEST_CASE("config space: bounds, and the news of a change from any thread") {
  HoldingDevice device;
  VirtioGuest guest(device);
  std::byte bytes[5] = {std::byte{1}};
  CHECK(guest.backend.read_config(0, std::span(bytes).first(4)).has_value());
  CHECK(bytes[0] == std::byte{0});
  CHECK(guest.backend.read_config(0, bytes).has_error());
  CHECK(guest.backend.read_config(~std::size_t{0}, bytes).has_error());
  CHECK(guest.backend.write_config(0, std::span(bytes).first(1)).has_error());  // read-only
  unsigned changes = 0;
  const auto listening = guest.backend.on_config_change([&] { ++changes; });
  guest.start(0);
  const auto notifier = device.session->config;
  std::thread(&ConfigNotifier::notify, &notifier).join();
  CHECK(guest.run_until([&] { return changes == 1; }));
  guest.backend.reset_now();
  notifier.notify();  // too late
  guest.run();
  CHECK(changes == 1);
}
