// SPDX-License-Identifier: BSD-3-Clause
#include <stdexcept>

#include "vdev/testing/contracts.hpp"
#include "vdev/testing/process.hpp"

namespace bellwire::testing {
namespace {

using namespace std::chrono_literals;

void vectors_are_apart(TransportFixture& fixture) {
  auto wires = fixture.attach().value();
  for (unsigned raised = 0; raised < wires.interrupts.size(); ++raised) {
    wires.interrupts[raised].raise();
    for (unsigned index = 0; index < wires.interrupts.size(); ++index)
      require(fixture.endpoint().take(index, index == raised ? 5000ms : 1ms) == (index == raised),
              text("vector {} was raised, {} answered otherwise", raised, index));
  }
  fixture.detach();
}

void doorbells_are_apart(TransportFixture& fixture) {
  auto wires = fixture.attach().value();
  for (unsigned rung = 0; rung < wires.doorbells.size(); ++rung) {
    for (int times = 0; times < 3; ++times) fixture.endpoint().ring(rung);
    for (unsigned index = 0; index < wires.doorbells.size(); ++index)
      require(wires.doorbells[index].drain().value_or(0) == (index == rung ? 3 : 0),
              text("doorbell {} was rung 3 times, {} counted otherwise", rung, index));
  }
  require(!fixture.endpoint().ring(static_cast<unsigned>(wires.doorbells.size())),
          "a doorbell that isn't there took a ring");
  fixture.detach();
}

void a_storm_ends(TransportFixture& fixture) {
  auto wires = fixture.attach().value();
  for (int raised = 0; raised < 10'000; ++raised) wires.interrupts[0].raise();
  require(fixture.endpoint().take(0, patience), "10,000 interrupts were lost");
  while (fixture.endpoint().take(0, 5ms)) continue;
  wires.interrupts[0].raise();
  require(fixture.endpoint().take(0, patience), "an interrupt after a storm was lost");
  fixture.detach();
}

constexpr WireContract wire_table[] = {
    {"vectors are apart", 4, vectors_are_apart},
    {"doorbells are apart", 4, doorbells_are_apart},
    {"a storm of interrupts ends, and loses none after it", 1, a_storm_ends},
};

}  // namespace

void require(bool held, std::string_view what) {
  if (!held) throw std::runtime_error(std::string(what));
}

std::span<const WireContract> wire_contracts() noexcept {
  return wire_table;
}

}  // namespace bellwire::testing
