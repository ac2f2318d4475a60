// SPDX-License-Identifier: BSD-3-Clause
//
// KvmMachine: a Machine that is a real virtual machine. Its VMM's side is KVM's ioctls; its guest
// is the monitor (monitor.S), a few hundred bytes that carry out one command at a time.
//
// These addresses are in use, so ioeventfds there have no effect: 32 KiB at 0xf00000000, port
// 0xbe11, 16 KiB at 0xfffbc000, and with an irqchip those of the controllers (0xfec00000,
// 0xfee00000, ISA ports). If the guest fails (a CPU exception, an unexpected exit, 5 s without an
// answer), the call that gave the command throws std::runtime_error, and the machine is unusable.
#pragma once

#include "vdev/machine/kvm/program.hpp"
#include "vdev/machine/machine.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire::kvm {

class KvmMachine final : public machine::Machine {
 public:
  /// A machine::MachineFactory. Without KVM, the error says why and what to do about it.
  [[nodiscard]] static Result<std::unique_ptr<machine::Machine>> create(
      const machine::MachineOptions& options);

  [[nodiscard]] int ioeventfd(const kvm_ioeventfd& request) override;
  [[nodiscard]] int irqfd(const kvm_irqfd& request) override;
  [[nodiscard]] int set_routes(std::span<const kvm_irq_routing_entry> routes) override;
  void settle() override;

  std::optional<std::uint64_t> write(machine::Space space, std::uint64_t address, unsigned size,
                                     std::uint64_t value) override;
  bool read(machine::Space space, std::uint64_t address, unsigned size) override;
  void set_pin(const machine::Pin& pin) override;
  std::vector<std::uint8_t> take_interrupts(std::chrono::milliseconds patience) override;

  /// For what the Machine interface does not cover.
  [[nodiscard]] const Vm& vm() const noexcept { return vm_; }

 private:
  struct Talk;  // the data that host and monitor share
  KvmMachine(Vm vm, Program monitor, os::EventFd unused) noexcept
      : vm_(std::move(vm)), monitor_(std::move(monitor)), unused_(std::move(unused)) {}

  std::optional<std::uint64_t> access(unsigned command, std::uint64_t address, unsigned size,
                                      std::uint64_t value);
  std::optional<std::uint64_t> execute(unsigned command);
  std::vector<std::uint8_t> take_now();

  Vm vm_;
  Program monitor_;
  os::EventFd unused_;  // that no irqfd has
};

}  // namespace bellwire::kvm
