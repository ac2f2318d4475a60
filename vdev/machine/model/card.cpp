// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/model/card.hpp"

namespace bellwire::machine {

Result<Card> Card::plug(Machine& machine, std::vector<os::EventFd> doorbells,
                        std::vector<os::EventFd> interrupts) {
  auto msix = MsixTable::create(machine, std::move(interrupts));
  if (!msix) return msix.error();
  Card card(machine, std::move(*msix));
  for (auto& doorbell : doorbells) {
    const auto index = static_cast<unsigned>(card.doorbells_.size());
    if (const int error = card.wire(doorbell, index, 0); error != 0)
      return Error{std::error_code(error, std::system_category()),
                   text("doorbell {}: the machine refused its ioeventfd: {}", index,
                        std::system_category().message(error))};
    card.doorbells_.push_back(std::move(doorbell));
  }
  for (unsigned entry = 0; entry < card.msix_.size(); ++entry)
    if (auto unmasked = card.msix_.unmask(entry); !unmasked) return unmasked.error();
  return card;
}

Card::~Card() {
  for (unsigned index = 0; index < doorbells_.size(); ++index)
    wire(doorbells_[index], index, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

int Card::wire(const os::EventFd& doorbell, unsigned index, std::uint32_t flags) {
  kvm_ioeventfd request{};
  request.datamatch = index;
  request.addr = doorbell_register;
  request.len = sizeof(std::uint32_t);
  request.fd = doorbell.fd();
  request.flags = KVM_IOEVENTFD_FLAG_DATAMATCH | flags;
  return machine_->ioeventfd(request);
}

bool Card::ring(unsigned doorbell) {
  return !machine_->write(Space::mmio, doorbell_register, sizeof(std::uint32_t), doorbell);
}

bool Card::take(unsigned entry, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  collect(std::chrono::milliseconds(0));
  while (came_.at(entry) == 0) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    collect(left);
  }
  --came_[entry];
  return true;
}

void Card::collect(std::chrono::milliseconds patience) {
  for (const auto vector : machine_->take_interrupts(patience))
    for (unsigned entry = 0; entry < msix_.size(); ++entry)
      if (msix_.vector(entry) == vector) ++came_[entry];
}

}  // namespace bellwire::machine
