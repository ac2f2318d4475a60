// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/faults/faults.hpp"

#include <utility>

#include "vdev/faults/completions.hpp"

namespace bellwire {

Result<Faults> Faults::start(boost::asio::io_context& context, Attachment& attachment,
                             std::shared_ptr<FaultTally> tally,
                             std::shared_ptr<FaultWitness> witness) {
  if (!tally) return start(nullptr, attachment);
  if (tally->touches(FaultWire::completion))
    attachment.completions = std::make_shared<CompletionFaults>(tally);
  return start(FaultSwitch::create(context, std::move(tally), std::move(witness)), attachment);
}

Result<Faults> Faults::start(std::shared_ptr<FaultSwitch> between, Attachment& attachment,
                             unsigned first) {
  Faults faults(std::move(between));
  const auto* const tally = faults.switch_ ? faults.switch_->tally() : nullptr;
  if (tally == nullptr) return faults;
  auto index = first;
  if (tally->touches(FaultWire::doorbell))
    for (auto& doorbell : attachment.doorbells)
      if (auto added = faults.add_doorbell(doorbell, index++); !added) return added.error();
  index = first;
  if (tally->touches(FaultWire::interrupt))
    for (auto& interrupt : attachment.interrupts)
      if (auto added = faults.add_interrupt(interrupt, index++); !added) return added.error();
  return faults;
}

Faults::~Faults() {
  for (const auto place : places_) switch_->remove(place);
}

Result<void> Faults::add(FaultSwitch::Wire wire) {
  const auto place = switch_->add(std::move(wire));
  if (!place) return place.error();
  places_.push_back(*place);
  return {};
}

Result<void> Faults::add_doorbell(os::EventFd& doorbell, unsigned index) {
  auto ours = os::EventFd::create();
  if (!ours) return ours.error();
  auto to = ours->duplicate();
  if (!to) return to.error();
  return add({.kind = FaultWire::doorbell,
              .index = index,
              .from = std::exchange(doorbell, std::move(*ours)),
              .to = std::move(*to)});
}

Result<void> Faults::add_interrupt(Interrupt& interrupt, unsigned index) {
  auto raised = os::EventFd::create();
  if (!raised) return raised.error();
  auto from = raised->duplicate();
  if (!from) return from.error();
  const InterruptLine line(std::move(*raised));
  return add({.kind = FaultWire::interrupt,
              .index = index,
              .from = std::move(*from),
              .to = std::exchange(interrupt, line.interrupt()),
              .line = line});
}

unsigned fault_descriptors(const FaultTally* tally) noexcept {
  unsigned kinds = 0;
  for (const auto wire : {FaultWire::doorbell, FaultWire::interrupt})
    kinds += tally != nullptr && tally->touches(wire) ? 1 : 0;
  return kinds * FaultSwitch::descriptors_each;
}

}  // namespace bellwire
