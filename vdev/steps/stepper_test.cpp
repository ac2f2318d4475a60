// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/steps/stepper.hpp"

#include <doctest/doctest.h>

#include <thread>

#include "vdev/devices/echo.hpp"
#include "vdev/os/event_count.hpp"
#include "vdev/ring/hang.hpp"
#include "vdev/steps/doorbells.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/trace/records.hpp"

using namespace bellwire;
using steps::Stepper;
using steps::Stop;

namespace {

// A device in slow motion, on a thread of its own, and the driver's end of its wires.
class SlowEcho {
 public:
  explicit SlowEcho(const testing::Wires& wires) {
    auto attachment = wires.device_end();
    ring::settle_format(attachment, 1).value();
    auto layout = ring::Layout::open(attachment).value();
    doorbells_.emplace(
        steps::Doorbells::start(context_, echo_, attachment, layout, stepper).value());
    runner_.emplace(Runner::start(context_, echo_, std::move(attachment)).value());
    thread_ = std::thread([this] { context_.run(); });
  }
  ~SlowEcho() {
    context_.stop();
    thread_.join();
    runner_.reset();
    doorbells_.reset();
  }

  Stop await_stop() {
    for (;;) {
      if (const auto held = stepper->look().stop) return *held;
      std::this_thread::yield();
    }
  }

  const std::shared_ptr<Stepper> stepper = std::make_shared<Stepper>();

 private:
  boost::asio::io_context context_{1};
  Echo echo_;
  std::optional<steps::Doorbells> doorbells_;
  std::optional<Runner> runner_;
  std::thread thread_;
};

// The driver's side of queue 0, up to a published request.
struct Request {
  explicit Request(const testing::Wires& wires) : guest(wires.guest_end()) {
    guest.doorbells.front().raise();
    while (!queue.ready()) std::this_thread::yield();
    REQUIRE(guest.interrupts.front().wait(std::chrono::seconds(60)));
    guest.interrupts.front().drain();
    while (os::event_count(guest.doorbells.front().fd()) != 0U) std::this_thread::yield();
    submit();
  }
  void submit() {
    REQUIRE(queue.submit({}));
    REQUIRE(queue.may_sleep());
    REQUIRE(queue.publish());
    guest.doorbells.front().raise();
  }

  testing::GuestEnd guest;
  ring::Queue raw = ring::Layout::open(guest.memory).value().queue(0);
  ring::ModuleQueue module{raw};
  ring::DriverQueue queue{raw, module.generation()};
};

std::uint64_t value(const Stepper& stepper, std::string_view name) {
  for (const auto& [known, now] : stepper.look().values)
    if (known == name) return now;
  FAIL("no value " << name);
  return 0;
}

}  // namespace

TEST_CASE("a device is held before each of its hops, and shows what they change") {
  const auto wires = testing::Wires::create(1);
  SlowEcho device(wires);
  Request request(wires);
  const auto& stepper = *device.stepper;

  for (const auto stage : {BELLWIRE_WOKEN, BELLWIRE_TAKEN, BELLWIRE_POSTED, BELLWIRE_RAISED}) {
    const auto stop = device.await_stop();
    CAPTURE(trace::stages[stop.next].name);
    CHECK(stop.next == stage);
    CHECK(stop.file.starts_with("vdev/"));
    CHECK(value(stepper, "submitted") == 1);
    CHECK(value(stepper, "doorbell") == (stage == BELLWIRE_WOKEN ? 1 : 0));
    CHECK(value(stepper, "completed") == (stage == BELLWIRE_RAISED ? 1 : 0));
    CHECK(value(stepper, "interrupt") == 0);
    CHECK_FALSE(ring::reached(request.raw, stage, 0));
    device.stepper->next();
  }
  CHECK(request.guest.interrupts.front().wait(std::chrono::seconds(60)));
  CHECK(request.queue.take().has_value());
  CHECK_FALSE(stepper.look().stop);
}

TEST_CASE("what is held does not hang, and is told apart from a loss") {
  const auto wires = testing::Wires::create(1);
  SlowEcho device(wires);
  const Request request(wires);
  device.await_stop();
  CHECK(ring::in_slow_motion(request.raw));
  CHECK_FALSE(ring::find_hang(request.raw));
  device.stepper->run();
  CHECK(request.guest.interrupts.front().wait(std::chrono::seconds(60)));
  CHECK_FALSE(ring::in_slow_motion(request.raw));
  CHECK(device.stepper->look().runs);
}

TEST_CASE("a generation that ends takes what was held with it") {
  const auto wires = testing::Wires::create(1);
  SlowEcho device(wires);
  {
    const Request request(wires);
    CHECK(device.await_stop().next == BELLWIRE_WOKEN);
    device.stepper->next();
    CHECK(device.await_stop().next == BELLWIRE_TAKEN);
    device.stepper->next();
    CHECK(device.await_stop().next == BELLWIRE_POSTED);
  }
  Request again(wires);  // a new generation: its first request is held from the start
  for (Stop stop; (stop = device.await_stop()).next != BELLWIRE_RAISED;) device.stepper->next();
  device.stepper->next();
  CHECK(again.guest.interrupts.front().wait(std::chrono::seconds(60)));
  CHECK(again.queue.take().has_value());
}

TEST_CASE("a device that goes leaves the count of a doorbell that was held") {
  const auto wires = testing::Wires::create(1);
  std::optional<Request> request;
  {
    SlowEcho device(wires);
    request.emplace(wires);
    CHECK(device.await_stop().next == BELLWIRE_WOKEN);
  }
  Echo echo;
  const testing::RunningDevice next(echo, wires.device_end());
  while (!request->queue.has_completion()) std::this_thread::yield();
  CHECK(request->queue.take().has_value());
}

TEST_CASE("a driver waits until its hop may happen, or is told to give up") {
  Stepper stepper;
  const StepGate::Hop hop{0, BELLWIRE_SUBMITTED, "publish", SourceLine::here()};
  bool went = false;
  std::thread driver([&] { went = stepper.waits(hop); });
  while (!stepper.look().stop) std::this_thread::yield();
  CHECK(stepper.look().stop->next == BELLWIRE_SUBMITTED);
  stepper.next();
  driver.join();
  CHECK(went);

  std::thread stopped([&] { went = stepper.waits(hop); });
  while (!stepper.look().stop) std::this_thread::yield();
  stepper.stop();
  stopped.join();
  CHECK_FALSE(went);
}
