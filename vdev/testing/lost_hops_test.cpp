// SPDX-License-Identifier: BSD-3-Clause
//
// Each hop of a request is left out on purpose, on each transport's own wires, and the report must
// name exactly that hop. A hop on a wire is lost on that wire; a step of a side is left out by that
// side: the driver is the test's, and the device stops where the test asks it to.
#include "vdev/devices/request_device.hpp"
#include "vdev/ring/hang.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/each_transport.hpp"
#include "vdev/trace/records.hpp"

using namespace bellwire;
using namespace bellwire::testing;
using namespace std::chrono_literals;

namespace {

// Does its part of the first request of queue 0 as far as `last`, if that is before its end.
class StoppingDevice final : public RequestDevice {
 public:
  StoppingDevice(const ring::Queue& queue, bellwire_stage last)
      : control_(*queue.control), trace_(queue, BELLWIRE_DEVICE), last_(last) {}

  [[nodiscard]] DeviceTraits traits() const noexcept override {
    return {.kind = "stopping", .doorbells = 2, .interrupts = 2};
  }

  Turn on_doorbell(unsigned index, std::uint64_t rings) noexcept override {
    const auto submitted = ring::load(control_.submit.submitted, ring::acquire);
    const bool stops = last_ >= BELLWIRE_WOKEN && last_ < BELLWIRE_RAISED;
    if (!stops || index != 0 || submitted == 0) return RequestDevice::on_doorbell(index, rings);
    const auto generation = control_.status.generation;
    trace_.note(BELLWIRE_WOKEN, generation, submitted);
    if (last_ >= BELLWIRE_TAKEN) trace_.note(BELLWIRE_TAKEN, generation, 0);
    if (last_ < BELLWIRE_POSTED) return Turn::done;
    trace_.note(BELLWIRE_POSTED, generation, 0);
    ring::store(control_.complete.completed, 1, ring::release);
    return Turn::done;
  }

 private:
  ring::Reply serve(const ring::Request&) noexcept override { return {}; }

  bellwire_queue_control& control_;
  ring::TraceWriter trace_;
  bellwire_stage last_;
};

// A claim is one doorbell and one interrupt, so those of the first request are the third.
std::shared_ptr<FaultTally> lost_wire(bellwire_stage last) {
  const auto third = [](const char* rule) {
    return std::make_shared<FaultTally>(FaultPlan::parse(rule).value());
  };
  if (last == BELLWIRE_RUNG) return third("drop doorbell 3");
  if (last == BELLWIRE_RAISED) return third("drop interrupt 3");
  return nullptr;
}

// Two queues, of which the second has nothing to suffer: what it was answered came after all that
// ever comes of what happened on the first one before.
class Scene {
 public:
  Scene(TransportFixture& fixture, bellwire_stage last)
      : stand_(fixture),
        last_(last),
        device_(ring::Layout::open(fixture.memory()).value().queue(0), last),
        running_(device_, fixture.attach().value(), fixture.polling, lost_wire(last)),
        driver_(driver_end(fixture.endpoint(), fixture.memory()), 0),
        neighbour_(driver_end(fixture.endpoint(), fixture.memory()), 1) {
    for (auto* const claimed : {&driver_, &neighbour_}) settle(*claimed);
  }

  // One request's way, as far as it gets.
  void play() {
    REQUIRE(driver_.queue().submit({}));
    REQUIRE(driver_.queue().may_sleep());
    REQUIRE(driver_.queue().publish());
    for (const auto stage : {BELLWIRE_KICKED, BELLWIRE_RUNG}) note(stage);
    if (last_ >= BELLWIRE_RUNG) stand_.endpoint().ring(0);
    for (int calls = 0; calls < 2; ++calls) neighbour_.call(bytes("are you there?"));
    const bool comes = last_ >= BELLWIRE_INTERRUPTED;
    REQUIRE(stand_.endpoint().take(0, comes ? patience : 0s) == comes);
    for (const auto stage : {BELLWIRE_INTERRUPTED, BELLWIRE_SIGNALLED}) note(stage);
    if (last_ >= BELLWIRE_AWAKE) driver_.queue().awake();
    if (last_ >= BELLWIRE_CONSUMED) REQUIRE(driver_.queue().take().has_value());
  }

  [[nodiscard]] std::optional<ring::Hang> hang() { return ring::find_hang(driver_.raw_queue()); }

 private:
  // Until the device has had the claim's doorbell, and the driver its interrupt.
  static void settle(Driver& driver) {
    REQUIRE(driver.wait_for_interrupt());
    REQUIRE(driver.queue().ready());
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (ring::load(driver.control().status.wakeups, ring::acquire) == 0)
      REQUIRE(std::chrono::steady_clock::now() < deadline);
  }

  void note(bellwire_stage stage) {
    if (last_ >= stage) driver_.module_queue().note(stage);
  }

  TransportFixture& stand_;
  bellwire_stage last_;
  StoppingDevice device_;
  RunningDevice running_;
  Driver driver_, neighbour_;
};

void check(TransportFixture& fixture, bellwire_stage last) {
  Scene scene(fixture, last);
  scene.play();
  const auto hang = scene.hang();
  REQUIRE(hang.has_value() == (last != BELLWIRE_CONSUMED));
  if (!hang) return;
  CHECK(hang->request == 0);
  CHECK(trace::stages[hang->last].name == trace::stages[last].name);
}

}  // namespace

TEST_CASE("a request that hangs is reported with its last hop, on every transport") {
  for (const auto& stage : trace::stages) SUBCASE(std::string(stage.name).c_str()) {
      on_each_transport(2, [&stage](TransportFixture& fixture) {
        if (fixture.polling != Polling::off) return;  // a device that polls misses no doorbell
        check(fixture, static_cast<bellwire_stage>(&stage - trace::stages.data()));
      });
    }
}
