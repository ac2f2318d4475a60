// SPDX-License-Identifier: BSD-3-Clause
//
// MsixTable: a function's MSI-X vectors on a Machine, as a VMM keeps them: entry N is GSI N, its
// eventfd an irqfd while it is unmasked. While it is masked the count piles up in the eventfd.
// It owns the machine's routes. One thread at a time. Source: docs/semantics.md, 38 to 40.
#pragma once

#include <vector>

#include "vdev/machine/machine.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire::machine {

class MsixTable {
 public:
  /// Entry N is at first aimed at vector `first_vector` + N, and masked. The machine must outlive
  /// the table. `others` are routes that stand beside the table's. EINVAL: more entries than there
  /// are vectors.
  [[nodiscard]] static Result<MsixTable> create(Machine& machine,
                                                std::vector<os::EventFd> interrupts,
                                                std::uint8_t first_vector = 0x20,
                                                std::vector<kvm_irq_routing_entry> others = {});
  MsixTable(MsixTable&&) = default;
  MsixTable& operator=(MsixTable&&) = delete;
  ~MsixTable();

  void mask(unsigned entry);
  /// What came meanwhile is one interrupt.
  [[nodiscard]] Result<void> unmask(unsigned entry);
  /// The pending bit. Reading it while masked takes the eventfd's count.
  [[nodiscard]] bool pending(unsigned entry);
  /// Aims the entry at another vector; its irqfd follows.
  [[nodiscard]] Result<void> aim(unsigned entry, std::uint8_t vector);
  [[nodiscard]] std::uint8_t vector(unsigned entry) const { return entries_.at(entry).vector; }
  [[nodiscard]] unsigned size() const noexcept { return static_cast<unsigned>(entries_.size()); }

 private:
  struct Entry {
    os::EventFd interrupt;
    std::uint8_t vector;
    bool masked = true;
    bool pending = false;
  };
  MsixTable(Machine& machine, std::vector<Entry> entries, std::vector<kvm_irq_routing_entry> others)
      : machine_(&machine), entries_(std::move(entries)), others_(std::move(others)) {}
  Result<void> route();
  int attach(unsigned entry, std::uint32_t flags);

  Machine* machine_;
  std::vector<Entry> entries_;
  std::vector<kvm_irq_routing_entry> others_;
};

}  // namespace bellwire::machine
