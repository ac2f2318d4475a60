// SPDX-License-Identifier: BSD-3-Clause
//
// What a VMM adds to a Machine, the model or a real one, for a PCI device: an MSI-X table, and an
// Endpoint, which is that table and a doorbell register. One thread at a time, the guest's.
#pragma once

#include <vector>

#include "vdev/machine/machine.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire::machine {

/// A function's MSI-X vectors on a Machine, as a VMM keeps them: entry N is GSI N, and its eventfd
/// is an irqfd while the entry is unmasked. While it is masked, counts accumulate in the eventfd.
/// The table owns the machine's routes. Source: docs/semantics.md, 38 to 40.
class MsixTable {
 public:
  /// Entry N initially targets vector `first_vector` + N and is masked. The machine must outlive
  /// the table. `others` are routes in addition to the table's. EINVAL: more entries than there are
  /// vectors.
  [[nodiscard]] static Result<MsixTable> create(Machine& machine,
                                                std::vector<os::EventFd> interrupts,
                                                std::uint8_t first_vector = 0x20,
                                                std::vector<kvm_irq_routing_entry> others = {});
  MsixTable(MsixTable&&) = default;
  MsixTable& operator=(MsixTable&&) = delete;
  ~MsixTable();

  void mask(unsigned entry);
  /// Whatever was raised while it was masked arrives as one interrupt.
  [[nodiscard]] Result<void> unmask(unsigned entry);
  /// The pending bit. Reading it while the entry is masked takes the eventfd's count.
  [[nodiscard]] bool pending(unsigned entry);
  /// Makes the entry target another vector; its irqfd follows.
  [[nodiscard]] Result<void> aim(unsigned entry, std::uint8_t vector);
  [[nodiscard]] std::uint8_t vector(unsigned entry) const { return entries_.at(entry).vector; }
  [[nodiscard]] unsigned size() const noexcept { return static_cast<unsigned>(entries_.size()); }

 private:
  struct MsixEntry {
    os::EventFd interrupt;
    std::uint8_t vector;
    bool masked = true;
    bool pending = false;
  };
  MsixTable(Machine& machine, std::vector<MsixEntry> entries,
            std::vector<kvm_irq_routing_entry> others)
      : machine_(&machine), entries_(std::move(entries)), others_(std::move(others)) {}
  Result<void> route();
  int attach(unsigned entry, std::uint32_t flags);

  Machine* machine_;
  std::vector<MsixEntry> entries_;
  std::vector<kvm_irq_routing_entry> others_;
};

/// A PCI device's doorbells and interrupts on a Machine. The guest rings doorbell N by writing N,
/// as 4 bytes, to the doorbell register: one ioeventfd with datamatch per doorbell. Interrupts are
/// MSI-X, all unmasked initially.
class Endpoint {
 public:
  static constexpr std::uint64_t doorbell_register = 0xd000'000c;

  /// The machine must outlive the endpoint.
  [[nodiscard]] static Result<Endpoint> plug(Machine& machine, std::vector<os::EventFd> doorbells,
                                             std::vector<os::EventFd> interrupts);
  Endpoint(Endpoint&&) = default;
  Endpoint& operator=(Endpoint&&) = delete;
  ~Endpoint();

  /// True: an ioeventfd took the write. False: it reached user space: there is no such doorbell.
  bool ring(unsigned doorbell);
  /// Takes one interrupt of that entry, waiting up to `patience` for it.
  [[nodiscard]] bool take(unsigned entry, std::chrono::milliseconds patience);
  /// How many interrupts of that entry take() could take at once.
  [[nodiscard]] unsigned taken(unsigned entry) const { return came_.at(entry); }
  [[nodiscard]] MsixTable& msix() noexcept { return msix_; }

 private:
  Endpoint(Machine& machine, MsixTable msix)
      : machine_(&machine), msix_(std::move(msix)), came_(msix_.size()) {}
  int wire(const os::EventFd& doorbell, unsigned index, std::uint32_t flags);
  void collect(std::chrono::milliseconds patience);

  Machine* machine_;
  MsixTable msix_;
  std::vector<os::EventFd> doorbells_;
  std::vector<unsigned> came_;  // interrupts that the CPU took and take() has not returned yet
};

}  // namespace bellwire::machine
