// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/delay.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "vdev/testing/driver.hpp"

using namespace bellwire;
using namespace bellwire::testing;

namespace {

constexpr std::uint32_t for_ever = Delay::most_time;  // longer than any test

// Submits a request of that many microseconds, an output behind the input.
void submit(Driver& driver, std::uint32_t number, std::uint32_t time) {
  bellwire_request request{};
  request.cookie = number;
  request.operation = time;
  request.input_offset = number % 64 * 16;
  request.output_offset = request.input_offset + 8;
  request.input_length = request.output_length = sizeof number;
  std::memcpy(&driver.queue().payload()[request.input_offset], &number, sizeof number);
  REQUIRE(driver.queue().submit(request));
}

void take(Driver& driver, std::uint32_t number) {
  const auto completion = driver.wait_for_completion();
  CHECK(completion.cookie == number);
  CHECK(completion.status == BELLWIRE_DONE);
  CHECK(completion.length == sizeof number);
  CHECK(std::memcmp(&driver.queue().payload()[number % 64 * 16 + 8], &number, sizeof number) == 0);
}

}  // namespace

TEST_CASE("delay echoes each request, in the driver's order, whichever is ready first") {
  const auto wires = Wires::create(1);
  Delay delay;
  const RunningDevice running(delay, wires.device_end());
  Driver driver(wires.guest_end(), 0);
  driver.wait_until_served();
  for (std::uint32_t number = 0; number < 64; ++number) submit(driver, number, 2000 - number * 30);
  driver.publish();
  for (std::uint32_t number = 0; number < 64; ++number) take(driver, number);
}

TEST_CASE("delay refuses a time that is too long, when it is that request's turn") {
  const auto wires = Wires::create(1);
  Delay delay;
  const RunningDevice running(delay, wires.device_end());
  Driver driver(wires.guest_end(), 0);
  driver.wait_until_served();
  submit(driver, 0, 1000);
  submit(driver, 1, for_ever + 1);
  driver.publish();
  take(driver, 0);
  CHECK(driver.wait_for_completion().status == BELLWIRE_BAD_OPERATION);
}

TEST_CASE("a request that waits blocks no other queue, and no reset") {
  const auto wires = Wires::create(2);
  Delay delay;
  const RunningDevice running(delay, wires.device_end());
  Driver waiting(wires.guest_end(), 0), other(wires.guest_end(), 1);
  waiting.wait_until_served();
  submit(waiting, 0, for_ever);
  waiting.publish();
  CHECK(other.call(bytes("not held up")).output == bytes("not held up"));
  Driver next(wires.guest_end(), 0);
  CHECK(next.call(bytes("begins anew")).output == bytes("begins anew"));
}

TEST_CASE("a device that is stopped leaves what it had in flight to its next start") {
  const auto wires = Wires::create(1);
  Delay delay;
  std::optional<RunningDevice> running(std::in_place, delay, wires.device_end());
  Driver driver(wires.guest_end(), 0);
  driver.wait_until_served();
  for (std::uint32_t number = 0; number < 64; ++number) submit(driver, number, number % 4 * 1000);
  driver.publish();
  for (std::uint32_t number = 0; number < 64; ++number) {
    if (number % 8 == 0) {
      running.reset();
      running.emplace(delay, wires.device_end());
    }
    take(driver, number);
  }
  CHECK(!driver.queue().take());
}
