// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/contracts.hpp"

#include "vdev/testing/each_transport.hpp"

using namespace bellwire::testing;

namespace {

void keeps(const TestedRig& tested, const Contract& contract, Echoes echoes) {
  if (!tested.has(contract.needs)) return;
  if (const auto rig = tested.create(contract.queues, echoes); rig)
    CHECK_NOTHROW(contract.check(**rig));
  else
    MESSAGE(tested.name, " was not tried: ", rig.error().message);
}

}  // namespace

TEST_CASE("every transport keeps every contract that it can, on rings and on virtqueues") {
  for (const auto echoes : {Echoes::at_once, Echoes::later})
    for (const auto& contract : contracts())
      for (const auto& tested : rigs())
        SUBCASE(bellwire::text("{}: {}{}", contract.name, tested.name,
                               echoes == Echoes::later ? ", later" : "")
                    .c_str()) {
          keeps(tested, contract, echoes);
        }
}

TEST_CASE("every transport of ring devices keeps every contract of wires") {
  for (const auto& contract : wire_contracts()) SUBCASE(std::string(contract.name).c_str()) {
      on_each_transport(contract.queues, [&contract](TransportFixture& fixture) {
        CHECK_NOTHROW(contract.check(fixture));
      });
    }
}

TEST_CASE("every transport of ring devices keeps every contract of requests in flight") {
  for (const auto& contract : in_flight_contracts()) SUBCASE(std::string(contract.name).c_str()) {
      on_each_transport(contract.queues, [&contract](TransportFixture& fixture) {
        CHECK_NOTHROW(contract.check(fixture));
      });
    }
}
