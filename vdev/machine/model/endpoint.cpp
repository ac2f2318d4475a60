// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/model/endpoint.hpp"

namespace bellwire::machine {
namespace {
constexpr unsigned vectors = 256;

Error refused(unsigned entry, int error) {
  return {std::error_code(error, std::system_category()),
          text("MSI-X vector {}: the machine refused its irqfd: {}", entry,
               std::system_category().message(error))};
}
}  // namespace

Result<MsixTable> MsixTable::create(Machine& machine, std::vector<os::EventFd> interrupts,
                                    std::uint8_t first_vector,
                                    std::vector<kvm_irq_routing_entry> others) {
  if (first_vector + interrupts.size() > vectors)
    return fault(std::errc::invalid_argument, "{} MSI-X vectors from {} on: a CPU has {} in all",
                 interrupts.size(), first_vector, vectors);
  std::vector<MsixEntry> entries;
  for (auto& interrupt : interrupts)
    entries.push_back({.interrupt = std::move(interrupt),
                       .vector = static_cast<std::uint8_t>(first_vector + entries.size())});
  MsixTable table(machine, std::move(entries), std::move(others));
  if (auto routed = table.route(); !routed) return routed.error();
  return table;
}

MsixTable::~MsixTable() {
  for (unsigned entry = 0; entry < entries_.size(); ++entry) mask(entry);
}

void MsixTable::mask(unsigned entry) {
  if (std::exchange(entries_.at(entry).masked, true)) return;
  [[maybe_unused]] const int error = attach(entry, KVM_IRQFD_FLAG_DEASSIGN);
}

Result<void> MsixTable::unmask(unsigned entry) {
  auto& vector = entries_.at(entry);
  if (!vector.masked) return {};
  // Taken first: a count that the irqfd finds would stay in the eventfd.
  const bool came = pending(entry);
  if (const int error = attach(entry, 0); error != 0) return refused(entry, error);
  vector.masked = false;
  vector.pending = false;
  if (came) vector.interrupt.ring();
  return {};
}

bool MsixTable::pending(unsigned entry) {
  auto& vector = entries_.at(entry);
  if (vector.masked && vector.interrupt.drain()) vector.pending = true;
  return vector.pending;
}

Result<void> MsixTable::aim(unsigned entry, std::uint8_t vector) {
  entries_.at(entry).vector = vector;
  return route();
}

Result<void> MsixTable::route() {
  std::vector<kvm_irq_routing_entry> routes;
  for (const auto& entry : entries_)
    routes.push_back(msi_route(static_cast<std::uint32_t>(routes.size()), entry.vector));
  routes.insert(routes.end(), others_.begin(), others_.end());
  const int error = machine_->set_routes(routes);
  if (error == 0) return {};
  return Error{std::error_code(error, std::system_category()),
               text("the machine refused {} MSI routes", routes.size())};
}

int MsixTable::attach(unsigned entry, std::uint32_t flags) {
  kvm_irqfd request{};
  request.fd = static_cast<std::uint32_t>(entries_[entry].interrupt.fd());
  request.gsi = entry;
  request.flags = flags;
  return machine_->irqfd(request);
}

Result<Endpoint> Endpoint::plug(Machine& machine, std::vector<os::EventFd> doorbells,
                                std::vector<os::EventFd> interrupts) {
  auto msix = MsixTable::create(machine, std::move(interrupts));
  if (!msix) return msix.error();
  Endpoint card(machine, std::move(*msix));
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

Endpoint::~Endpoint() {
  for (unsigned index = 0; index < doorbells_.size(); ++index)
    wire(doorbells_[index], index, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

int Endpoint::wire(const os::EventFd& doorbell, unsigned index, std::uint32_t flags) {
  kvm_ioeventfd request{};
  request.datamatch = index;
  request.addr = doorbell_register;
  request.len = sizeof(std::uint32_t);
  request.fd = doorbell.fd();
  request.flags = KVM_IOEVENTFD_FLAG_DATAMATCH | flags;
  return machine_->ioeventfd(request);
}

bool Endpoint::ring(unsigned doorbell) {
  return !machine_->write(Space::mmio, doorbell_register, sizeof(std::uint32_t), doorbell);
}

bool Endpoint::take(unsigned entry, std::chrono::milliseconds patience) {
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

void Endpoint::collect(std::chrono::milliseconds patience) {
  for (const auto vector : machine_->take_interrupts(patience))
    for (unsigned entry = 0; entry < msix_.size(); ++entry)
      if (msix_.vector(entry) == vector) ++came_[entry];
}

}  // namespace bellwire::machine
