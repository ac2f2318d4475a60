// SPDX-License-Identifier: BSD-3-Clause
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "sum.hpp"

#include <doctest/doctest.h>

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
