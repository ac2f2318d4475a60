// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/runner/runner.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "vdev/testing/wires.hpp"

using namespace bellwire;
using bellwire::testing::Wires;

namespace {

// Remembers what it was told, and leaves the test to run the context.
struct Recorder final : Device {
  DeviceTraits traits() const noexcept override { return {.kind = "recorder"}; }
  Result<void> start(Attachment) override {
    if (refuse) return fault(std::errc::invalid_argument, "not today");
    return {};
  }
  Turn on_doorbell(unsigned index, std::uint64_t rings) noexcept override {
    calls.push_back({index, rings});
    return calls.size() < more_until ? Turn::more : Turn::done;
  }
  void on_tick() noexcept override { ++ticks; }
  void stop() noexcept override { ++stops; }

  struct Call {
    unsigned index;
    std::uint64_t rings;
    bool operator==(const Call&) const = default;
  };
  std::vector<Call> calls;
  std::size_t more_until = 0;
  int ticks = 0;
  int stops = 0;
  bool refuse = false;
};

}  // namespace

TEST_CASE("every doorbell gets a look after the start, then its counts") {
  const auto wires = Wires::create(2);
  boost::asio::io_context context;
  Recorder device;
  const auto runner = Runner::start(context, device, wires.device_end()).value();
  context.poll();
  CHECK(device.calls == std::vector<Recorder::Call>{{0, 0}, {1, 0}});
  wires.guest_end().doorbells[1].raise();
  wires.guest_end().doorbells[1].raise();
  context.poll();
  REQUIRE(device.calls.size() == 3);
  CHECK(device.calls[2] == Recorder::Call{1, 2});
}

TEST_CASE("a device that leaves work gets another turn, after the others") {
  const auto wires = Wires::create(2);
  boost::asio::io_context context;
  Recorder device;
  device.more_until = 4;
  const auto runner = Runner::start(context, device, wires.device_end()).value();
  context.poll();
  CHECK(device.calls == std::vector<Recorder::Call>{{0, 0}, {1, 0}, {0, 0}, {1, 0}, {0, 0}});
}

TEST_CASE("a busy doorbell has one look under way, however often it is rung") {
  const auto wires = Wires::create(2);
  boost::asio::io_context context;
  Recorder device;
  device.more_until = 1000;
  const auto runner = Runner::start(context, device, wires.device_end()).value();
  while (device.calls.size() < device.more_until) {
    wires.guest_end().doorbells[0].raise();
    context.poll_one();
  }
  const auto looks = [&](unsigned index) {
    return std::ranges::count(device.calls, Recorder::Call{index, 0});
  };
  CHECK(std::abs(looks(0) - looks(1)) <= 2);
}

TEST_CASE("dropping the runner stops the device once, and nothing calls it afterwards") {
  const auto wires = Wires::create(1);
  boost::asio::io_context context;
  Recorder device;
  {
    auto runner = Runner::start(context, device, wires.device_end()).value();
    const auto moved = std::move(runner);
    wires.guest_end().doorbells[0].raise();
  }
  CHECK(device.stops == 1);
  context.poll();
  CHECK(device.calls.empty());
  CHECK(device.ticks == 0);
}

TEST_CASE("a device that refuses to start is not run") {
  const auto wires = Wires::create(1);
  boost::asio::io_context context;
  Recorder device;
  device.refuse = true;
  CHECK(Runner::start(context, device, wires.device_end()).has_error());
  context.poll();
  CHECK(device.calls.empty());
}
