// SPDX-License-Identifier: BSD-3-Clause
//
// Plans on each transport's own wires, with a device and two drivers: each request is completed
// exactly once and in order, whatever goes wrong. Lost wake-ups are found by the sides themselves,
// and counted as lost by their names.
#include <numeric>

#include "vdev/devices/echo.hpp"
#include "vdev/faults/faults.hpp"
#include "vdev/machine/model/soft_machine.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/each_transport.hpp"

using namespace bellwire;
using namespace bellwire::testing;

namespace {

struct FaultScene {
  FaultScene(TransportFixture& fixture, const char* plan, Driver::Looks looks = Driver::Looks::yes)
      : tally(std::make_shared<FaultTally>(FaultPlan::parse(plan).value())),
        running(device, fixture.attach().value(), fixture.polling, tally),
        drivers{Driver(driver_end(fixture.endpoint(), fixture.memory()), 0, looks),
                Driver(driver_end(fixture.endpoint(), fixture.memory()), 1, looks)} {
    for (auto& driver : drivers) driver.wait_until_served();
  }

  // A request of each driver, under way at once.
  void round(std::uint64_t cookie) {
    for (auto& driver : drivers) {
      bellwire_request request{};
      request.cookie = cookie;
      REQUIRE(driver.queue().submit(request));
      driver.publish();
    }
    for (auto& driver : drivers) {
      const auto completion = driver.wait_for_completion();
      REQUIRE(completion.cookie == cookie);
      REQUIRE(completion.status == BELLWIRE_DONE);
      REQUIRE_FALSE(driver.queue().take().has_value());
    }
  }

  [[nodiscard]] std::uint32_t lost(bellwire_hop hop) {
    return std::accumulate(drivers.begin(), drivers.end(), 0U, [hop](auto sum, auto& driver) {
      return sum + ring::load(driver.control().status.lost[hop], ring::acquire);
    });
  }

  std::shared_ptr<FaultTally> tally;
  Echo device;
  RunningDevice running;
  std::array<Driver, 2> drivers;
};

constexpr unsigned rounds = 300;

}  // namespace

TEST_CASE("what comes late, twice, at once, out of order or from nobody changes no answer") {
  for (const auto* const plan :
       {"delay interrupt 1/4 1us..300us", "delay doorbell 1/4 1us..300us", "double interrupt 1/4",
        "double doorbell 1/4 1us..50us", "merge interrupt 1/4 200us", "merge doorbell 1/4 200us",
        "reorder interrupt 1/4 200us", "reorder doorbell 1/4 200us", "invent interrupt 1us..200us",
        "invent doorbell 1us..200us", "swap interrupt 1/4",
        "stall doorbell 1/50 1ms; stall interrupt 1/50 1ms",
        "double doorbell 1/4; delay interrupt 1/8 50us; merge interrupt 1/8; reorder doorbell 1/8 "
        "100us; invent interrupt 300us; seed 3"}) {
    SUBCASE(plan) {
      on_each_transport(2, [plan](TransportFixture& fixture) {
        FaultScene scene(fixture, plan);
        for (std::uint64_t cookie = 0; cookie < rounds; ++cookie) scene.round(cookie);
        CHECK(scene.lost(BELLWIRE_HOP_DOORBELL) + scene.lost(BELLWIRE_HOP_INTERRUPT) == 0);
        if (fixture.polling == Polling::off) CHECK(scene.tally->check());
      });
    }
  }
}

TEST_CASE("a driver that looks goes on without what is lost, and nobody reports a loss") {
  for (const auto* const plan : {"drop doorbell 1/30; drop interrupt 1/30; seed 2",
                                 "misroute doorbell 1/30; misroute interrupt 1/30"}) {
    SUBCASE(plan) {
      on_each_transport(2, [plan](TransportFixture& fixture) {
        FaultScene scene(fixture, plan);
        for (std::uint64_t cookie = 0; cookie < rounds; ++cookie) scene.round(cookie);
        CHECK(scene.lost(BELLWIRE_HOP_DOORBELL) + scene.lost(BELLWIRE_HOP_INTERRUPT) == 0);
        if (fixture.polling == Polling::off) CHECK(scene.tally->check());
      });
    }
  }
}

TEST_CASE("what is lost or goes astray is found, repaired, and counted by its name") {
  struct Loss {
    const char* action;
    bellwire_hop hop;
  };
  for (const auto& loss : {Loss{"drop doorbell", BELLWIRE_HOP_DOORBELL},
                           Loss{"drop interrupt", BELLWIRE_HOP_INTERRUPT},
                           Loss{"misroute doorbell", BELLWIRE_HOP_DOORBELL},
                           Loss{"misroute interrupt", BELLWIRE_HOP_INTERRUPT}}) {
    const std::string action = loss.action;
    CAPTURE(action);
    std::uint32_t lost = 0;
    // A loss may not matter, if its side just looks by itself; then it is another's turn. The first
    // of each driver are of its claim.
    for (unsigned number = 5; lost == 0 && number < 60; ++number) {
      const auto fixture = make_in_process_fixture(2, machine::SoftMachine::create).value();
      FaultScene scene(*fixture, text("{} {}", loss.action, number).c_str(), Driver::Looks::never);
      for (std::uint64_t cookie = 0; cookie < rounds; ++cookie) scene.round(cookie);
      lost = scene.lost(loss.hop);
    }
    CHECK(lost == 1);
  }
}
