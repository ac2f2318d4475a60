// SPDX-License-Identifier: BSD-3-Clause
//
// The table is a VMM's, so it is ours on either machine; the irqfds and routes under it are the
// machine's.
#include <array>

#include "vdev/machine/model/msix_table.hpp"
#include "vdev/machine/rules/rule.hpp"
#include "vdev/machine/rules/sight.hpp"
#include "vdev/machine/rules/stage.hpp"

namespace bellwire::rules {
namespace {

constexpr std::uint8_t vector = 0x41, other_vector = 0x51;

// A function with one vector, unmasked, and the device's end of it.
struct Function {
  explicit Function(const World& world) : stage(world), raise(stage.wire()), msix(table()) {
    msix.unmask(0).value();
  }
  machine::MsixTable table() {
    std::vector<os::EventFd> interrupts;
    interrupts.push_back(os::EventFd::adopt(os::duplicate(stage.fd(raise))).value());
    return machine::MsixTable::create(stage.machine(), std::move(interrupts), vector).value();
  }
  Stage stage;
  unsigned raise;
  machine::MsixTable msix;
};

std::string mask_and_unmask(const World& world) {
  Function function(world);
  Sight sight;
  function.msix.mask(0);
  for (int raised = 0; raised < 3; ++raised) function.stage.signal(function.raise);
  sight.vectors("3 while masked", function.stage.take());
  function.msix.unmask(0).value();
  sight.vectors("unmasked", function.stage.take(1)).vectors("again", function.stage.take());
  function.stage.signal(function.raise);
  sight.vectors("1 more", function.stage.take(1));
  return std::move(sight).text();
}

std::string pending_bits(const World& world) {
  Function function(world);
  Sight sight;
  function.msix.mask(0);
  sight.yes("pending", function.msix.pending(0));
  function.stage.signal(function.raise, 2);
  sight.yes("after 2", function.msix.pending(0));
  sight.number("count", function.stage.count(function.raise));
  function.msix.unmask(0).value();
  sight.vectors("unmasked", function.stage.take(1)).yes("pending", function.msix.pending(0));
  return std::move(sight).text();
}

std::string aimed_elsewhere(const World& world) {
  Function function(world);
  Sight sight;
  function.msix.aim(0, other_vector).value();
  function.stage.signal(function.raise);
  sight.vectors("unmasked", function.stage.take(1));
  function.msix.mask(0);
  function.stage.signal(function.raise);
  function.msix.aim(0, vector).value();
  function.msix.unmask(0).value();
  sight.vectors("masked meanwhile", function.stage.take(1));
  return std::move(sight).text();
}

constexpr std::array rules{
    Rule{38, Subject::machine, "What comes while masked is one interrupt at unmask",
         "3 while masked: none, unmasked: 0x41, again: none, 1 more: 0x41", "", mask_and_unmask},
    Rule{39, Subject::machine, "Reading the pending bit takes the eventfd's count",
         "pending: no, after 2: yes, count: 0, unmasked: 0x41, pending: no", "", pending_bits},
    Rule{40, Subject::machine, "A vector that is aimed elsewhere moves its irqfd",
         "unmasked: 0x51, masked meanwhile: 0x41", "", aimed_elsewhere},
};

}  // namespace

std::span<const Rule> msix_rules() noexcept {
  return rules;
}

}  // namespace bellwire::rules
