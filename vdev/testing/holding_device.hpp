// SPDX-License-Identifier: BSD-3-Clause
//
// HoldingDevice: a virtio device that keeps its requests until the test, or a cancellation,
// completes them.
#pragma once

#include <doctest/doctest.h>

#include <deque>
#include <optional>

#include "vdev/virtio/device.hpp"

namespace bellwire::testing {

struct HoldingDevice final : virtio::Device {
  explicit HoldingDevice(std::uint16_t of = VIRTIO_ID_RNG) noexcept : id(of) {}
  [[nodiscard]] virtio::Traits traits() const noexcept override {
    return {
        .kind = "holder", .id = id, .features = virtio::feature(5), .queues = 2, .config_size = 4};
  }
  Result<void> start(virtio::Session begun) override {
    if (refuses) return fault(std::errc::no_such_device, "the test refuses");
    session.emplace(std::move(begun));
    ++starts;
    return {};
  }
  void handle(virtio::Request request) noexcept override {
    ++handled;
    if (at_once) return std::move(request).complete(1);
    held.push_back(std::move(request));
  }
  void cancel(unsigned queue) noexcept override {
    ++cancels;
    if (!patient)
      std::erase_if(held, [queue](const auto& request) { return request.queue() == queue; });
  }
  void poll() noexcept override {
    if (polls_until_done > 0 && --polls_until_done == 0) held.clear();
  }
  void stop() noexcept override {
    CHECK(held.empty());
    session.reset();
    ++stops;
  }
  void complete_first() {
    std::move(held.front()).complete(1);
    held.pop_front();
  }
  void complete_last() {
    std::move(held.back()).complete(1);
    held.pop_back();
  }

  const std::uint16_t id;
  bool at_once = false;
  bool patient = false;           // completes nothing when it is told to cancel
  unsigned polls_until_done = 0;  // and then all that it holds
  bool refuses = false;
  unsigned handled = 0, cancels = 0, starts = 0, stops = 0;
  std::optional<virtio::Session> session;
  std::deque<virtio::Request> held;
};

/// For TEST_CASE_TEMPLATE: both layouts of a ring.
struct Split {
  static constexpr bool packed = false;
};
struct Packed {
  static constexpr bool packed = true;
};

}  // namespace bellwire::testing
