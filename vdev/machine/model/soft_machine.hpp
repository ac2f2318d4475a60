// SPDX-License-Identifier: BSD-3-Clause
//
// SoftMachine: the model of a Machine, in user space and without a guest: the caller acts as the
// guest. It answers as Linux 6.18 does. One thread at a time.
#pragma once

#include "vdev/machine/machine.hpp"
#include "vdev/machine/model/apic.hpp"
#include "vdev/machine/model/ioeventfds.hpp"
#include "vdev/machine/model/irqfds.hpp"

namespace bellwire::machine {

class SoftMachine final : public Machine {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Machine>> create(const MachineOptions& options);
  explicit SoftMachine(const MachineOptions& options = {});

  int ioeventfd(const kvm_ioeventfd& request) override;
  int irqfd(const kvm_irqfd& request) override;
  int set_routes(std::span<const kvm_irq_routing_entry> routes) override;
  void settle() override;

  std::optional<std::uint64_t> write(Space space, std::uint64_t address, unsigned size,
                                     std::uint64_t value) override;
  bool read(Space space, std::uint64_t address, unsigned size) override;
  void set_pin(const Pin& pin) override;
  std::vector<std::uint8_t> take_interrupts(std::chrono::milliseconds patience) override;

 private:
  const bool irqchip_;
  IoEventFds ioeventfds_;
  Apic apic_;
  Routes routes_{apic_};
  IrqFds irqfds_{routes_};
};

}  // namespace bellwire::machine
