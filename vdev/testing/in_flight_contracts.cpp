// SPDX-License-Identifier: BSD-3-Clause
//
// The contracts about ring devices that complete their requests later.
#include <algorithm>
#include <optional>

#include "vdev/devices/delay.hpp"
#include "vdev/testing/contracts.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/holding_requests.hpp"

namespace bellwire::testing {
namespace {

// A device on its thread, from its attachment to its end.
template <class Kind>
struct LifeOf {
  explicit LifeOf(TransportFixture& fixture)
      : leaving{fixture}, running(device, fixture.attach().value(), fixture.polling) {}

  struct Leaving {
    TransportFixture& fixture;
    ~Leaving() { fixture.detach(); }
  } leaving;
  Kind device;
  RunningDevice running;
};

DriverEnd end_of(TransportFixture& fixture) {
  return driver_end(fixture.endpoint(), fixture.memory());
}

void ask(Driver& driver, unsigned number) {
  require(driver.call(message(number)).output == message(number), "an answer was wrong");
}

// Submits without waiting, an output behind each input.
void offer(Driver& driver, unsigned number) {
  const auto input = message(number);
  bellwire_request request{};
  request.cookie = number;
  request.input_offset = number % 32 * 128;
  request.output_offset = request.input_offset + 64;
  request.input_length = request.output_length = static_cast<std::uint32_t>(input.size());
  std::ranges::copy(input, &driver.queue().payload()[request.input_offset]);
  require(driver.queue().submit(request), "the ring was full");
}

void take_in_order(Driver& driver, unsigned first, unsigned end) {
  for (unsigned number = first; number < end; ++number)
    require(driver.wait_for_completion().cookie == number, "a completion was out of order");
  require(!driver.queue().take(), "a request was completed twice");
}

void late_completions_are_in_order(TransportFixture& fixture) {
  LifeOf<HoldingRequests> life(fixture);
  Driver driver(end_of(fixture), 0);
  driver.wait_until_served();
  for (unsigned first = 0; first < 160; first += 16) {
    for (unsigned number = first; number < first + 16; ++number) offer(driver, number);
    driver.publish();
    life.device.wait_until_held(16);
    while (life.device.held() > 0) life.device.complete(life.device.held() / 2);
    take_in_order(driver, first, first + 16);
  }
}

void a_request_that_waits_holds_up_nobody(TransportFixture& fixture) {
  const LifeOf<Delay> life(fixture);
  Driver driver(end_of(fixture), 0), other(end_of(fixture), 1);
  driver.wait_until_served();
  bellwire_request for_long{};
  for_long.operation = Delay::most_time;
  require(driver.queue().submit(for_long), "the ring was full");
  driver.publish();
  for (unsigned number = 0; number < 10; ++number) ask(other, number);
  require(!driver.queue().take(), "a request was completed too early");
  Driver next(end_of(fixture), 0);
  for (unsigned number = 0; number < 10; ++number) ask(next, number);
}

void what_is_in_flight_outlives_its_device(TransportFixture& fixture) {
  std::optional<LifeOf<HoldingRequests>> life(std::in_place, fixture);
  Driver driver(end_of(fixture), 0);
  driver.wait_until_served();
  for (unsigned first = 0; first < 160; first += 16) {
    for (unsigned number = first; number < first + 16; ++number) offer(driver, number);
    driver.publish();
    life->device.wait_until_held(16);
    for (const std::size_t place : {5U, 0U, 0U, 9U}) life->device.complete(place);
    life.reset();
    life.emplace(fixture);
    life->device.wait_until_held(14);
    life->device.complete_all();
    take_in_order(driver, first, first + 16);
  }
}

constexpr WireContract in_flight_table[] = {
    {"what is completed late and mixed up comes back in order", 1, late_completions_are_in_order},
    {"a request that waits holds up nobody", 2, a_request_that_waits_holds_up_nobody},
    {"what is in flight outlives its device", 1, what_is_in_flight_outlives_its_device},
};

}  // namespace

std::span<const WireContract> in_flight_contracts() noexcept {
  return in_flight_table;
}

}  // namespace bellwire::testing
