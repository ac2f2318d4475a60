// SPDX-License-Identifier: BSD-3-Clause
//
// Card: a device's wires, plugged into a Machine. The guest rings doorbell N by writing N, as 4
// bytes, to the doorbell register: an ioeventfd with datamatch each. Interrupts are MSI-X, all
// unmasked to begin with. One thread at a time, the guest's.
#pragma once

#include "vdev/machine/model/msix_table.hpp"

namespace bellwire::machine {

class Card {
 public:
  static constexpr std::uint64_t doorbell_register = 0xd000'000c;

  /// The machine must outlive the card.
  [[nodiscard]] static Result<Card> plug(Machine& machine, std::vector<os::EventFd> doorbells,
                                         std::vector<os::EventFd> interrupts);
  Card(Card&&) = default;
  Card& operator=(Card&&) = delete;
  ~Card();

  /// True: an ioeventfd took it. False: it reached user space, since there is no such doorbell.
  bool ring(unsigned doorbell);
  /// Takes one interrupt of that vector, or waits for it.
  [[nodiscard]] bool take(unsigned entry, std::chrono::milliseconds patience);
  /// How often take() could succeed at once.
  [[nodiscard]] unsigned taken(unsigned entry) const { return came_.at(entry); }
  [[nodiscard]] MsixTable& msix() noexcept { return msix_; }

 private:
  Card(Machine& machine, MsixTable msix)
      : machine_(&machine), msix_(std::move(msix)), came_(msix_.size()) {}
  int wire(const os::EventFd& doorbell, unsigned index, std::uint32_t flags);
  void collect(std::chrono::milliseconds patience);

  Machine* machine_;
  MsixTable msix_;
  std::vector<os::EventFd> doorbells_;
  std::vector<unsigned> came_;  // interrupts that the CPU took and nobody asked for yet
};

}  // namespace bellwire::machine
