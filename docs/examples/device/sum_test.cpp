// SPDX-License-Identifier: BSD-3-Clause
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "sum.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "slow_sum.hpp"
#include "vdev/testing/driver.hpp"

using namespace bellwire::testing;

TEST_CASE("sum adds up the numbers that a driver sends, and refuses half of one") {
  const auto wires = Wires::create(1);
  Sum sum;
  const RunningDevice running(sum, wires.device_end());
  Driver driver(wires.guest_end(), 0);
  const std::uint32_t numbers[] = {1, 2, 3, 4'000'000'000};
  CHECK(driver.call(std::as_bytes(std::span(numbers))).completion.result == 4'000'000'006);
  CHECK(driver.call(bytes("abc")).completion.status == BELLWIRE_BAD_LENGTH);
}

TEST_CASE("slow_sum does so from its own thread, many at once, and answers in order") {
  const auto wires = Wires::create(1);
  SlowSum sum;
  const RunningDevice running(sum, wires.device_end());
  Driver driver(wires.guest_end(), 0);
  driver.wait_until_served();
  for (std::uint32_t number = 0; number < 32; ++number) {
    bellwire_request request{};
    request.cookie = number;
    request.input_offset = number * sizeof number;
    request.input_length = sizeof number;
    std::memcpy(&driver.queue().payload()[request.input_offset], &number, sizeof number);
    REQUIRE(driver.queue().submit(request));
  }
  driver.publish();
  for (std::uint32_t number = 0; number < 32; ++number) {
    const auto completion = driver.wait_for_completion();
    CHECK(completion.cookie == number);
    CHECK(completion.result == number);
  }
}
