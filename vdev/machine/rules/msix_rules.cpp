// SPDX-License-Identifier: BSD-3-Clause
//
// The table is a VMM's, so it is ours on either machine; the irqfds and routes under it are the
// machine's.
#include <array>

#include "vdev/machine/model/endpoint.hpp"
#include "vdev/machine/rules/fixture.hpp"
#include "vdev/machine/rules/rule.hpp"

namespace bellwire::rules {
namespace {

constexpr std::uint8_t msix_vector = 0x41, other_msix_vector = 0x51;

// A function with one vector, unmasked, and the device's end of it.
struct Function {
  explicit Function(const World& world) : fixture(world), raise(fixture.wire()), msix(table()) {
    msix.unmask(0).value();
  }
  machine::MsixTable table() {
    std::vector<os::EventFd> interrupts;
    interrupts.push_back(os::EventFd::adopt(os::duplicate(fixture.fd(raise))).value());
    return machine::MsixTable::create(fixture.machine(), std::move(interrupts), msix_vector)
        .value();
  }
  MachineFixture fixture;
  unsigned raise;
  machine::MsixTable msix;
};

Observation mask_and_unmask(const World& world) {
  Function function(world);
  Observation observation;
  function.msix.mask(0);
  for (int raised = 0; raised < 3; ++raised) function.fixture.signal(function.raise);
  observation.vectors("3 while masked", function.fixture.take());
  function.msix.unmask(0).value();
  observation.vectors("unmasked", function.fixture.take(1))
      .vectors("again", function.fixture.take());
  function.fixture.signal(function.raise);
  observation.vectors("1 more", function.fixture.take(1));
  return observation;
}

Observation pending_bits(const World& world) {
  Function function(world);
  Observation observation;
  function.msix.mask(0);
  observation.yes("pending", function.msix.pending(0));
  function.fixture.signal(function.raise, 2);
  observation.yes("after 2", function.msix.pending(0));
  observation.number("count", function.fixture.count(function.raise));
  function.msix.unmask(0).value();
  observation.vectors("unmasked", function.fixture.take(1))
      .yes("pending", function.msix.pending(0));
  return observation;
}

Observation aimed_elsewhere(const World& world) {
  Function function(world);
  Observation observation;
  function.msix.aim(0, other_msix_vector).value();
  function.fixture.signal(function.raise);
  observation.vectors("unmasked", function.fixture.take(1));
  function.msix.mask(0);
  function.fixture.signal(function.raise);
  function.msix.aim(0, msix_vector).value();
  function.msix.unmask(0).value();
  observation.vectors("masked meanwhile", function.fixture.take(1));
  return observation;
}

constexpr std::array msix_table{
    Rule{38, Subject::machine, "What comes while masked is one interrupt at unmask",
         "3 while masked: none, unmasked: 0x41, again: none, 1 more: 0x41", "", mask_and_unmask},
    Rule{39, Subject::machine, "Reading the pending bit takes the eventfd's count",
         "pending: no, after 2: yes, count: 0, unmasked: 0x41, pending: no", "", pending_bits},
    Rule{40, Subject::machine, "A vector that is aimed elsewhere moves its irqfd",
         "unmasked: 0x51, masked meanwhile: 0x41", "", aimed_elsewhere},
};

}  // namespace

std::span<const Rule> msix_rules() noexcept {
  return msix_table;
}

}  // namespace bellwire::rules
