// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/contracts.hpp"

#include "vdev/testing/each_transport.hpp"

using namespace bellwire::testing;

TEST_CASE("every transport keeps every contract") {
  for (const auto& contract : contracts()) SUBCASE(std::string(contract.name).c_str()) {
      on_each_transport(contract.queues, [&contract](TransportFixture& fixture) {
        CHECK_NOTHROW(contract.check(fixture));
      });
    }
}
