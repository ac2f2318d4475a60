// SPDX-License-Identifier: BSD-3-Clause
//
// What AsyncRequestDevice adds to a queue: the loop that delivers, ticks, and the end.
#include "vdev/devices/request_device.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "vdev/ring/words.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/holding_requests.hpp"

using namespace bellwire;
using namespace bellwire::testing;

namespace {

void send(Driver& driver, unsigned count) {
  driver.wait_until_served();
  for (unsigned cookie = 0; cookie < count; ++cookie) {
    bellwire_request request{};
    request.cookie = cookie;
    REQUIRE(driver.queue().submit(request));
  }
  driver.publish();
}

}  // namespace

TEST_CASE("what any thread completes reaches the driver of its queue") {
  const auto wires = Wires::create(2);
  for (const auto polling : {Polling::off, Polling::adaptive, Polling::always}) {
    HoldingRequests device;
    const RunningDevice running(device, wires.device_end(), polling);
    Driver one(wires.guest_end(), 0), other(wires.guest_end(), 1);
    send(one, 8);
    send(other, 8);
    device.wait_until_held(16);
    std::thread helper([&] {
      for (unsigned count = 0; count < 8; ++count) device.complete();
    });
    for (unsigned count = 0; count < 8; ++count) device.complete();
    helper.join();
    for (std::uint64_t cookie = 0; cookie < 8; ++cookie) {
      CHECK(one.wait_for_completion().cookie == cookie);
      CHECK(other.wait_for_completion().cookie == cookie);
    }
  }
}

TEST_CASE("a device that stops waits until its last request has ended") {
  const auto wires = Wires::create(1);
  HoldingRequests device(true);
  std::optional<RunningDevice> running(std::in_place, device, wires.device_end());
  Driver driver(wires.guest_end(), 0);
  send(driver, 2);
  device.wait_until_held(2);
  std::atomic<bool> stopped = false;
  std::thread stopper([&] {
    running.reset();
    stopped = true;
  });
  while (device.cancels() == 0) std::this_thread::yield();
  device.complete(1);
  CHECK_FALSE(stopped.load());
  device.complete();
  stopper.join();
  CHECK(driver.wait_for_completion().cookie == 0);
  CHECK(driver.wait_for_completion().cookie == 1);
  const auto layout = ring::Layout::open(wires.device_end().memory).value();
  CHECK(layout.device_line().state == BELLWIRE_DEVICE_STOPPED);
  CHECK(device.ready() == nullptr);
}

TEST_CASE("a device wants ticks, to beat, while a request is in flight") {
  const auto wires = Wires::create(1);
  HoldingRequests device;
  REQUIRE(device.start(wires.device_end()).has_value());
  Driver driver(wires.guest_end(), 0);
  device.on_doorbell(0, 1);
  CHECK_FALSE(device.waits());
  send(driver, 1);
  device.on_doorbell(0, 1);
  CHECK(device.waits());
  device.complete();
  device.on_ready();
  CHECK_FALSE(device.waits());
  device.stop();
}

TEST_CASE("a device that can't start announces nothing, and starts later") {
  const auto wires = Wires::create(2);
  HoldingRequests device;
  ring::format(wires.device_end().memory.bytes(), 3).value();  // for more wires than there are
  CHECK(device.start(wires.device_end()).has_error());
  CHECK(device.ready() == nullptr);
  ring::wipe(wires.device_end().memory.bytes());
  const RunningDevice running(device, wires.device_end());
  CHECK(device.ready() != nullptr);
}
