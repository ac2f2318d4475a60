// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/conformance.hpp"

#include <doctest/doctest.h>

using namespace bellwire::testing;

TEST_CASE("every transport keeps every contract") {
  for (const auto& stand : stands()) {
    if (const auto made = stand.create(1); !made) {
      MESSAGE(stand.name, " was not tried: ", made.error().message);
      continue;
    }
    for (const auto& contract : contracts())
      SUBCASE((std::string(stand.name) + ": " + std::string(contract.name)).c_str()) {
        CHECK_NOTHROW(contract.check(*stand.create(contract.queues).value()));
      }
  }
}
