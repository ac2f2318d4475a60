// SPDX-License-Identifier: BSD-3-Clause
//
// How things end on a backend: stops, resets, pauses, memory that goes, rings that break; with
// requests in flight, in both layouts.
#include <doctest/doctest.h>
#include <linux/virtio_config.h>

#include "vdev/testing/holding_device.hpp"
#include "vdev/testing/virtio_guest.hpp"

using namespace bellwire;
using namespace bellwire::virtio;
using namespace bellwire::testing;

namespace {

// A guest whose device holds `count` requests of queue 0.
struct Busy {
  Busy(bool packed, unsigned count) : guest(device, {.packed = packed}) {
    device.patient = true;
    guest.start_all();
    for (std::uint64_t token = 1; token <= count; ++token) guest.submit(0, token);
    REQUIRE(guest.run_until([&] { return device.handled == count; }));
  }
  HoldingDevice device;
  VirtioGuest guest;
};

constexpr std::uint64_t whole = std::uint64_t{8} << 20;  // VirtioPlan::memory

}  // namespace

TEST_CASE_TEMPLATE("a stop waits until the last request is completed", Layout, Split, Packed) {
  Busy busy(Layout::packed, 3);
  std::optional<QueuePosition> position;
  busy.guest.backend.stop_queue(0, [&](const QueuePosition& at) { position = at; });
  CHECK(busy.device.cancels == 1);
  busy.guest.submit(0, 4);
  busy.device.complete_last();
  busy.device.complete_first();
  busy.guest.run();
  CHECK_FALSE(position.has_value());
  CHECK(busy.guest.backend.start_queue(0, busy.guest.setup(0)).has_error());
  busy.device.complete_first();
  REQUIRE(busy.guest.run_until([&] { return position.has_value(); }));
  CHECK(position->next_available == 3);
  CHECK(position->next_used == 3);
  CHECK(busy.device.handled == 3);
  for (const std::uint64_t token : {3U, 1U, 2U}) CHECK(busy.guest.wait_used(0).token == token);
  CHECK(busy.guest.queues[0].call.drain());
  busy.guest.start_disabled(0, *position);
  CHECK(busy.guest.run_until([&] { return busy.device.handled == 4; }));
  busy.device.held.clear();
}

TEST_CASE_TEMPLATE("a reset gives everything back, and the device starts anew", Layout, Split,
                   Packed) {
  Busy busy(Layout::packed, 2);
  busy.device.patient = false;
  busy.guest.backend.set_status(VIRTIO_CONFIG_S_DRIVER_OK);
  SUBCASE("by status") {
    busy.guest.backend.set_status(0);
  }
  SUBCASE("waiting for it") {
    busy.device.patient = true;
    busy.device.polls_until_done = 4;
    busy.guest.backend.reset_now();
  }
  CHECK(busy.guest.run_until([&] { return busy.guest.backend.status() == 0; }));
  CHECK(busy.device.stops == 1);
  CHECK_FALSE(busy.guest.backend.started(0));
  CHECK_FALSE(busy.guest.backend.enabled(0));
  CHECK(busy.guest.backend.driver_features() == 0);
  const auto position = busy.guest.stop(0);  // survives the reset
  CHECK(position.next_available == 2);
  CHECK(busy.guest.wait_used(0).written == 0);
  busy.device.patient = false;
  busy.guest.accept(busy.guest.backend.device_features());
  busy.guest.start(0, position);
  busy.guest.submit(0, 0);
  CHECK(busy.guest.run_until([&] { return busy.device.handled == 3; }));
  CHECK(busy.device.starts == 2);
}

TEST_CASE_TEMPLATE("a status of 0 reads as before until the last request is completed", Layout,
                   Split, Packed) {
  Busy busy(Layout::packed, 1);
  busy.guest.backend.set_status(VIRTIO_CONFIG_S_DRIVER_OK);
  busy.guest.backend.set_status(0);
  busy.guest.run();
  CHECK(busy.guest.backend.status() == VIRTIO_CONFIG_S_DRIVER_OK);
  CHECK(busy.device.stops == 0);
  busy.device.complete_first();
  CHECK(busy.guest.run_until([&] { return busy.guest.backend.status() == 0; }));
  CHECK(busy.device.stops == 1);
}

TEST_CASE_TEMPLATE("memory goes when nothing is in flight any more; a ring in it waits", Layout,
                   Split, Packed) {
  Busy busy(Layout::packed, 2);
  busy.device.polls_until_done = 3;
  auto& space = busy.guest.memory.space;
  const auto view = *space.map(GuestMemory::base, whole);
  unsigned held = 1;
  const auto after = space.on_revoke(
      [&](const AddressRange&) { held = static_cast<unsigned>(busy.device.held.size()); });
  REQUIRE(space.remove(GuestMemory::base, whole).has_value());
  CHECK(held == 0);
  busy.guest.queues[0].kick.ring();
  busy.guest.run();
  CHECK(busy.device.handled == 2);
  CHECK(busy.guest.backend.started(0));

  // It comes back elsewhere in this process, with the same bytes.
  const auto elsewhere = GuestMemory::create(whole);
  std::ranges::copy(view.bytes(), elsewhere.bytes().begin());
  REQUIRE(
      space.add({.address = GuestMemory::base, .size = whole, .memory = elsewhere}).has_value());
  auto& queue = busy.guest.queues[0];
  queue.driver =
      DriverVirtqueue::create(queue.layout, {.next_available = 2, .next_used = 2}, space).value();
  busy.guest.submit(0, 0);
  CHECK(busy.guest.run_until([&] { return busy.device.handled == 3; }));
  CHECK(busy.device.held.front().writable()[0].data() >= elsewhere.bytes().data());
  busy.device.complete_first();
  CHECK(busy.guest.wait_used(0).written == 1);
}

TEST_CASE_TEMPLATE("memory beside the rings goes without stopping them", Layout, Split, Packed) {
  Busy busy(Layout::packed, 1);
  busy.device.patient = false;
  auto& space = busy.guest.memory.space;
  REQUIRE(space.add({.address = 0, .size = 4096, .memory = GuestMemory::create(4096)}).has_value());
  REQUIRE(space.remove(0, 4096).has_value());
  CHECK(busy.device.cancels == 1);  // it might have used that memory
  busy.guest.submit(0, 0);
  CHECK(busy.guest.run_until([&] { return busy.device.handled == 2; }));
}

TEST_CASE_TEMPLATE("a pause ends when nothing is in flight, and loses nothing", Layout, Split,
                   Packed) {
  Busy busy(Layout::packed, 1);
  bool paused = false;
  busy.guest.backend.pause([&] { paused = true; });
  busy.guest.submit(0, 2);
  busy.guest.submit(1, 3);
  busy.guest.run();
  CHECK_FALSE(paused);
  busy.device.complete_first();
  CHECK(busy.guest.run_until([&] { return paused; }));
  CHECK(busy.device.handled == 1);
  CHECK(busy.guest.wait_used(0).token == 1);
  busy.guest.backend.resume();
  CHECK(busy.guest.run_until([&] { return busy.device.handled == 3; }));
  busy.device.held.clear();
}

TEST_CASE_TEMPLATE("a broken ring stops alone, is reported once, and recovers", Layout, Split,
                   Packed) {
  struct Faults final : QueueObserver {
    void broken(const Error& why) noexcept override { all.push_back(why.message); }
    std::vector<std::string> all;
  } faults;
  HoldingDevice device;
  device.at_once = true;
  VirtioGuest guest(device, {.packed = Layout::packed});
  auto setup = guest.setup(0);
  setup.observer = &faults;
  REQUIRE(guest.backend.set_enabled(0, true).has_value());
  REQUIRE(guest.backend.start_queue(0, std::move(setup)).has_value());
  guest.start(1);
  guest.run();
  const auto& layout = guest.queues[0].layout;
  const LogCatcher log;
  if (Layout::packed) {
    auto* ring = guest.memory.at<vring_packed_desc>(layout.descriptors, layout.size);
    for (unsigned index = 0; index < layout.size; ++index)
      ring[index].flags = (1U << VRING_PACKED_DESC_F_AVAIL) | VRING_DESC_F_NEXT;
  } else {
    guest.memory.at<vring_avail>(layout.driver_area)->idx = 1000;
  }
  for (int times = 0; times < 5; ++times) {
    guest.queues[0].kick.ring();
    guest.run();
  }
  CHECK(faults.all.size() == 1);
  CHECK(log.count("holder queue 0 is broken") == 1);
  guest.submit(1, 5);
  CHECK(guest.wait_used(1).token == 5);
  guest.stop(0);
  guest.queues[0].driver = DriverVirtqueue::create(layout, {}, guest.memory.space).value();
  guest.start(0);
  guest.submit(0, 6);
  CHECK(guest.wait_used(0).token == 6);
}

TEST_CASE_TEMPLATE("a malformed chain comes back, and the next one is served", Layout, Split,
                   Packed) {
  HoldingDevice device;
  device.at_once = true;
  VirtioGuest guest(device, {.packed = Layout::packed});
  guest.start(0);
  const GuestBuffer nowhere[] = {{0x10, 8}};
  {
    const LogCatcher log;
    guest.submit(0, {}, nowhere, 1);
    const auto used = guest.wait_used(0);
    CHECK(used.token == 1);
    CHECK(used.written == 0);
    CHECK(log.count("holder queue 0: a chain is returned unseen: buffer outside") == 1);
  }
  CHECK(guest.backend.counts(0).malformed == 1);
  CHECK(guest.queues[0].call.drain());
  guest.submit(0, 2);
  CHECK(guest.wait_used(0).token == 2);
  CHECK(device.handled == 1);
}

TEST_CASE_TEMPLATE("a backend that is dropped waits for what is in flight", Layout, Split, Packed) {
  HoldingDevice device;
  device.patient = true;
  {
    VirtioGuest guest(device, {.packed = Layout::packed});
    guest.start(0);
    guest.submit(0, 0);
    REQUIRE(guest.run_until([&] { return device.handled == 1; }));
    device.polls_until_done = 5;
  }
  CHECK(device.stops == 1);
  CHECK(device.held.empty());
}
