// SPDX-License-Identifier: BSD-3-Clause
//
// KVM's own objects: a virtual machine, a piece of its memory, its CPU. Dropping one closes it. A
// Memory must not outlive its Vm. Needs x86.
//
// Any thread may use a Vm; a Vcpu belongs to one thread at a time.
// Source: Linux Documentation/virt/kvm/api.rst.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <span>
#include <string>

#include "vdev/core/memory_view.hpp"
#include "vdev/os/result.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bellwire::kvm {

/// Guest-physical memory, backed by memory of ours.
class Memory {
 public:
  Memory(Memory&& other) noexcept = default;
  Memory& operator=(Memory&&) = delete;
  ~Memory();

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return view_.bytes(); }

 private:
  friend class Vm;
  Memory(os::UniqueFd vm, std::uint32_t slot, MemoryView view) noexcept
      : vm_(std::move(vm)), slot_(slot), view_(std::move(view)) {}
  os::UniqueFd vm_;
  std::uint32_t slot_;
  MemoryView view_;
};

class Vcpu {
 public:
  /// Lets the guest run until something needs us: KVM_EXIT_…, told in state(). KVM_EXIT_INTR: a
  /// signal came, maybe a Pulse's.
  [[nodiscard]] Result<std::uint32_t> run() noexcept;

  [[nodiscard]] kvm_run& state() const noexcept {
    return *reinterpret_cast<kvm_run*>(state_.data());
  }
  /// The value that a KVM_EXIT_IO carries, or wants.
  [[nodiscard]] std::byte* port_data() const noexcept {
    return state_.data() + state().io.data_offset;
  }
  /// What the last exit was, with what is needed to find its cause.
  [[nodiscard]] std::string describe_exit() const;

  [[nodiscard]] Result<kvm_sregs> special_registers() const;
  [[nodiscard]] Result<void> set_special_registers(const kvm_sregs& registers);
  [[nodiscard]] Result<void> set_registers(const kvm_regs& registers);
  /// Out of a `hlt`.
  [[nodiscard]] Result<void> wake();

 private:
  friend class Vm;
  Vcpu(os::UniqueFd fd, os::Mapping state) noexcept
      : fd_(std::move(fd)), state_(std::move(state)) {}
  os::UniqueFd fd_;
  os::Mapping state_;  // a kvm_run, and the data of port accesses
};

class Vm {
 public:
  /// Says why not, and what mends it. `device` is KVM's own; tests name others.
  [[nodiscard]] static Result<Vm> create(bool irqchip, const std::string& device = "/dev/kvm");

  /// At guest-physical `address`; slots are numbered by the caller. EEXIST: it is taken.
  [[nodiscard]] Result<Memory> map(std::uint32_t slot, std::uint64_t address, MemoryView memory);
  /// The one CPU, with all features that KVM has.
  [[nodiscard]] Result<Vcpu> create_vcpu();

  // 0, or what errno is. These are KVM's own answers.
  [[nodiscard]] int ioeventfd(const kvm_ioeventfd& request) const noexcept;
  [[nodiscard]] int irqfd(const kvm_irqfd& request) const noexcept;
  [[nodiscard]] int set_routes(std::span<const kvm_irq_routing_entry> routes) const;
  [[nodiscard]] int signal_msi(const kvm_msi& message) const noexcept;
  [[nodiscard]] int set_line(std::uint32_t gsi, bool high) const noexcept;

 private:
  Vm(os::UniqueFd kvm, os::UniqueFd vm) noexcept : kvm_(std::move(kvm)), vm_(std::move(vm)) {}
  os::UniqueFd kvm_;
  os::UniqueFd vm_;
};

}  // namespace bellwire::kvm
