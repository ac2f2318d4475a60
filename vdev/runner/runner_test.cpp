// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/runner/runner.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <vector>

#include "vdev/faults/faults.hpp"
#include "vdev/runner/moderation.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/process.hpp"

using namespace bellwire;
using bellwire::testing::Wires;

namespace {

// Remembers its calls, and leaves the test to run the context.
struct LoggingDevice final : Device {
  DeviceTraits traits() const noexcept override { return {.kind = "recorder"}; }
  Result<void> start(Attachment) override {
    if (refuse) return fault(std::errc::invalid_argument, "not today");
    return {};
  }
  Turn on_doorbell(unsigned index, std::uint64_t rings) noexcept override {
    calls.push_back({index, rings});
    return calls.size() < more_until ? Turn::more : Turn::done;
  }
  Turn on_poll(unsigned) noexcept override {
    ++polls;
    return std::exchange(work, false) ? Turn::more : Turn::done;
  }
  void on_tick() noexcept override { ++ticks; }
  const os::EventFd* ready() const noexcept override { return announces ? &*announces : nullptr; }
  void on_ready() noexcept override { ++readies; }
  bool waits() const noexcept override { return waiting; }
  void stop() noexcept override { ++stops; }

  struct Call {
    unsigned index;
    std::uint64_t rings;
    bool operator==(const Call&) const = default;
  };
  std::vector<Call> calls;
  std::size_t more_until = 0;
  bool work = false;  // for the next poll
  std::size_t polls = 0;
  std::optional<os::EventFd> announces;
  int readies = 0;
  int ticks = 0;
  bool waiting = false;
  int stops = 0;
  bool refuse = false;
};

}  // namespace

TEST_CASE("every doorbell gets a look after the start, then its counts") {
  const auto wires = Wires::create(2);
  boost::asio::io_context context;
  LoggingDevice device;
  const auto runner = Runner::start(context, device, wires.device_end()).value();
  context.poll();
  CHECK(device.calls == std::vector<LoggingDevice::Call>{{0, 0}, {1, 0}});
  wires.guest_end().doorbells[1].raise();
  wires.guest_end().doorbells[1].raise();
  context.poll();
  REQUIRE(device.calls.size() == 3);
  CHECK(device.calls[2] == LoggingDevice::Call{1, 2});
}

TEST_CASE("a device that leaves work gets another turn, after the others") {
  const auto wires = Wires::create(2);
  boost::asio::io_context context;
  LoggingDevice device;
  device.more_until = 4;
  const auto runner = Runner::start(context, device, wires.device_end()).value();
  context.poll();
  CHECK(device.calls == std::vector<LoggingDevice::Call>{{0, 0}, {1, 0}, {0, 0}, {1, 0}, {0, 0}});
}

TEST_CASE("a busy doorbell has one look under way, however often it is rung") {
  const auto wires = Wires::create(2);
  boost::asio::io_context context;
  LoggingDevice device;
  device.more_until = 1000;
  const auto runner = Runner::start(context, device, wires.device_end()).value();
  while (device.calls.size() < device.more_until) {
    wires.guest_end().doorbells[0].raise();
    context.poll_one();
  }
  const auto looks = [&](unsigned index) {
    return std::ranges::count(device.calls, LoggingDevice::Call{index, 0});
  };
  CHECK(std::abs(looks(0) - looks(1)) <= 2);
}

TEST_CASE("a device is called when it announces something, until it is stopped") {
  const auto wires = Wires::create(1);
  boost::asio::io_context context;
  LoggingDevice device;
  device.announces = os::EventFd::create().value();
  std::optional<Runner> runner = Runner::start(context, device, wires.device_end()).value();
  context.poll();
  CHECK(device.readies == 0);
  for (int times = 1; times <= 3; ++times) {
    device.announces->ring(2);
    context.poll();
    CHECK(device.readies == times);
  }
  CHECK(device.calls.size() == 1);  // the look after the start
  device.announces->ring();
  runner.reset();
  context.poll();
  CHECK(device.readies == 3);
}

TEST_CASE("dropping the runner stops the device once, and nothing calls it afterwards") {
  const auto wires = Wires::create(1);
  boost::asio::io_context context;
  LoggingDevice device;
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

// A driver may turn a card off and on many times before the loop gets to what is queued.
TEST_CASE("its descriptors go when it is dropped, though a handler is still queued") {
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto wires = Wires::create(2);
  boost::asio::io_context context;
  LoggingDevice device;
  { const auto warm_up = Runner::start(context, device, wires.device_end()).value(); }
  const auto before = descriptors();
  {
    auto attachment = wires.device_end();
    const auto moderation = Moderation::start(context, attachment, std::chrono::hours(1)).value();
    const auto plan = FaultPlan::parse("delay doorbell 60s; double interrupt; invent doorbell 60s");
    const auto faults =
        Faults::start(context, attachment, std::make_shared<FaultTally>(*plan)).value();
    const auto runner = Runner::start(context, device, std::move(attachment)).value();
    wires.guest_end().doorbells[0].raise();
  }
  CHECK(descriptors() == before);
  context.poll();
}

TEST_CASE(
    "ticks end soon after the last ring, and then nothing is left to wait for but doorbells") {
  const auto wires = Wires::create(1);
  boost::asio::io_context context;
  LoggingDevice device;
  const auto runner = Runner::start(context, device, wires.device_end()).value();
  const auto run_until = [&](int ticks) {
    while (device.ticks < ticks) context.run_one();
  };
  run_until(2);
  CHECK(context.run_one_for(std::chrono::milliseconds(500)) == 0);
  wires.guest_end().doorbells[0].raise();
  run_until(3);
  CHECK(device.calls.size() == 2);
  device.waiting = true;
  run_until(8);
  device.waiting = false;
  run_until(10);
  CHECK(context.run_one_for(std::chrono::milliseconds(500)) == 0);
}

TEST_CASE("a device that refuses to start is not run") {
  const auto wires = Wires::create(1);
  boost::asio::io_context context;
  LoggingDevice device;
  device.refuse = true;
  CHECK(Runner::start(context, device, wires.device_end()).has_error());
  context.poll();
  CHECK(device.calls.empty());
}

TEST_CASE("without polling nobody looks without being asked") {
  const auto wires = Wires::create(1);
  boost::asio::io_context context;
  LoggingDevice device;
  const auto runner = Runner::start(context, device, wires.device_end()).value();
  for (int i = 0; i < 10; ++i) {
    wires.guest_end().doorbells[0].raise();
    context.poll();
  }
  CHECK(device.polls == 0);
}

TEST_CASE("an always polled doorbell is never waited for, and its work is found") {
  const auto wires = Wires::create(1);
  boost::asio::io_context context;
  LoggingDevice device;
  const auto runner = Runner::start(context, device, wires.device_end(), Polling::always).value();
  context.poll_one();  // the first look
  device.work = true;
  wires.guest_end().doorbells[0].raise();
  for (int i = 0; i < 10; ++i) CHECK(context.poll_one() == 1);  // there always is a next look
  CHECK_FALSE(device.work);
  CHECK(device.calls == std::vector<LoggingDevice::Call>{{0, 0}});
}

TEST_CASE("a device that knows no poll is served by looks") {
  struct Plain final : Device {
    DeviceTraits traits() const noexcept override { return {.kind = "plain"}; }
    Result<void> start(Attachment) override { return {}; }
    Turn on_doorbell(unsigned, std::uint64_t) noexcept override {
      served += std::exchange(work, 0);
      return Turn::done;
    }
    void stop() noexcept override {}
    int work = 0, served = 0;
  };
  const auto wires = Wires::create(1);
  boost::asio::io_context context;
  Plain device;
  const auto runner = Runner::start(context, device, wires.device_end(), Polling::always).value();
  context.poll_one();  // the first look
  device.work = 7;
  wires.guest_end().doorbells[0].raise();
  context.poll_one();
  CHECK(device.served == 7);
}

TEST_CASE("an adaptive one sleeps when idle, with a last look, and polls when rings come soon") {
  const auto wires = Wires::create(1);
  boost::asio::io_context context;
  LoggingDevice device;
  const auto runner = Runner::start(context, device, wires.device_end(), Polling::adaptive).value();
  while (context.poll() > 0) {
  }
  CHECK(device.polls == 0);
  std::uint64_t raised = 0;
  for (; device.polls == 0; ++raised) {  // a machine that is busy may take a few
    wires.guest_end().doorbells[0].raise();
    context.poll_one();
  }
  wires.guest_end().doorbells[0].raise();  // not waited for while it polls, but not lost
  ++raised;
  while (context.poll() > 0) {
  }
  std::uint64_t counted = 0;
  for (const auto& call : device.calls) counted += call.rings;
  CHECK(counted == raised);
  const auto polls = device.polls;
  context.poll();
  CHECK(device.polls == polls);
}

TEST_CASE("the last drain of a polled doorbell doesn't sleep, though a peer made it blocking") {
  const testing::SleepAlarm alarm;
  const testing::PeerEvent peer;
  const auto wires = Wires::create(1);
  auto attachment = wires.device_end();
  attachment.doorbells[0] = peer.handed_over();
  boost::asio::io_context context;
  LoggingDevice device;
  const auto runner =
      Runner::start(context, device, std::move(attachment), Polling::adaptive).value();
  for (int times = 0; times < 50; ++times) {
    peer.add(1);
    context.poll_one();
    peer.take();
    context.poll();
  }
  CHECK(device.calls.size() > 1);
  CHECK_FALSE(testing::SleepAlarm::rang());
}
