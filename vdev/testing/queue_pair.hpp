// SPDX-License-Identifier: BSD-3-Clause
//
// QueuePair: both sides of a queue, on one thread: the test makes each step.
#pragma once

#include <doctest/doctest.h>

#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/ring/hang.hpp"
#include "vdev/testing/driver.hpp"

namespace bellwire::testing {

struct QueuePair final : ring::RequestHandler {
  explicit QueuePair(const Wires& wires = Wires::create(1))
      : end(wires.device_end()), interrupts(std::move(wires.guest_end().interrupts)) {
    ring::format(end.memory.bytes(), 1).value();
    queue = ring::Layout::open(end.memory).value().queue(0);
    device.emplace(*queue, end.interrupts[0], 1);
    driver.emplace(*queue, ring::begin_generation(*queue));
    turn();
  }
  ring::Reply serve(const ring::Request&) noexcept override {
    while_served = ring::find_hang(*queue);
    return {};
  }
  void turn() { device->turn(*this, 1); }
  // The driver sleeps, and waits for its interrupt.
  void submit() {
    driver->submit({});
    CHECK(driver->may_sleep());
    CHECK(driver->publish());
  }
  void module(bellwire_stage stage, std::uint32_t index) const {
    ring::TraceWriter(*queue, BELLWIRE_MODULE).note(stage, 1, index);
  }
  // The guest takes a raised interrupt, and does nothing with it.
  bool take_interrupt() { return interrupts[0].drain().value_or(0) > 0; }
  [[nodiscard]] bellwire_stage last() const {
    const auto hang = ring::find_hang(*queue);
    REQUIRE(hang.has_value());
    return hang->last;
  }

  Attachment end;
  std::vector<os::EventFd> interrupts;
  std::optional<ring::Queue> queue;
  std::optional<ring::DeviceQueue> device;
  std::optional<ring::DriverQueue> driver;
  std::optional<ring::Hang> while_served;
};

}  // namespace bellwire::testing
