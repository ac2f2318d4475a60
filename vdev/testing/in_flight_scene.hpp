// SPDX-License-Identifier: BSD-3-Clause
//
// InFlightScene: both sides of a queue whose device holds its requests. The test turns the device's
// side by hand, on one thread.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <optional>

#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/holding_requests.hpp"

namespace bellwire::testing {

struct InFlightScene {
  explicit InFlightScene(bool patient = false, std::uint32_t entries = 16) : holder(patient) {
    ring::format(end.memory.bytes(), 1, entries).value();
    start(1);
  }
  ~InFlightScene() {
    device->stop(holder);
    holder.complete_all();
    deliver();
  }
  // As if the process had died and another had come.
  void start(std::uint32_t incarnation) {
    device.emplace(ring::Layout::open(end.memory).value().queue(0), end.interrupts[0], incarnation,
                   0, event);
  }
  // A driver that the device serves.
  Driver begin() {
    Driver driver(wires.guest_end(), 0);
    turn();
    return driver;
  }
  Turn turn() { return device->turn(holder, end.doorbells[0].drain().value_or(0)); }
  void deliver() { device->deliver(holder); }

  void submit(Driver& driver, unsigned count) {
    for (unsigned request = 0; request < count; ++request) {
      bellwire_request made{};
      made.cookie = submitted++;
      REQUIRE(driver.queue().submit(made));
    }
    driver.publish();
    while (turn() == Turn::more) continue;
  }
  // The completions that have come: in the driver's order, and good. Returns how many.
  unsigned take(Driver& driver) {
    unsigned count = 0;
    for (; const auto completion = driver.queue().take(); ++count) {
      CHECK(completion->cookie == taken++);
      CHECK(completion->status == BELLWIRE_DONE);
      CHECK(completion->result == completion->cookie);
    }
    return count;
  }

  HoldingRequests holder;
  Wires wires = Wires::create(1);
  Attachment end = wires.device_end();
  std::shared_ptr<os::EventFd> event = std::make_shared<os::EventFd>(os::EventFd::create().value());
  std::optional<ring::DeviceQueue> device;
  std::uint64_t submitted = 0, taken = 0;
};

}  // namespace bellwire::testing
