// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/conformance.hpp"

#include <doctest/doctest.h>

using namespace bellwire::testing;

TEST_CASE("every transport keeps every contract") {
  for (const auto& stand : stands())
    for (const auto& contract : contracts())
      SUBCASE((std::string(stand.name) + ": " + std::string(contract.name)).c_str()) {
        const auto made = stand.create(contract.queues);
        REQUIRE(made.has_value());
        CHECK_NOTHROW(contract.check(**made));
      }
}
