// SPDX-License-Identifier: BSD-3-Clause
//
// KVM's own objects: a virtual machine, a slot of its memory, its CPU. Dropping one closes it. A
// MemorySlot must not outlive its Vm. Needs x86.
//
// Any thread may use a Vm; a Vcpu belongs to one thread at a time.
// Source: Linux Documentation/virt/kvm/api.rst.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <span>
#include <string>

#include "vdev/core/attachment.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::kvm {

/// Guest-physical memory, backed by memory of this process.
class MemorySlot {
 public:
  MemorySlot(MemorySlot&& other) noexcept = default;
  MemorySlot& operator=(MemorySlot&&) = delete;
  ~MemorySlot();

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return view_.bytes(); }

 private:
  friend class Vm;
  MemorySlot(os::UniqueFd vm, std::uint32_t slot, MemoryView view) noexcept
      : vm_(std::move(vm)), slot_(slot), view_(std::move(view)) {}
  os::UniqueFd vm_;
  std::uint32_t slot_;
  MemoryView view_;
};

class Vcpu {
 public:
  /// Runs the guest until it exits to us; returns KVM_EXIT_…, with details in state().
  /// KVM_EXIT_INTR: a signal arrived, for example a KickTimer's.
  [[nodiscard]] Result<std::uint32_t> run() noexcept;

  [[nodiscard]] kvm_run& state() const noexcept {
    return *reinterpret_cast<kvm_run*>(state_.data());
  }
  /// The value of a KVM_EXIT_IO: written by the guest, or to be returned to it.
  [[nodiscard]] std::byte* port_data() const noexcept {
    return state_.data() + state().io.data_offset;
  }
  /// A description of the last exit that is enough to find its cause.
  [[nodiscard]] std::string describe_exit() const;

  [[nodiscard]] Result<kvm_sregs> special_registers() const;
  [[nodiscard]] Result<void> set_special_registers(const kvm_sregs& registers);
  [[nodiscard]] Result<void> set_registers(const kvm_regs& registers);
  /// Resumes a CPU that is halted.
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
  /// The error says why not, and what to do about it. `device` is for tests.
  [[nodiscard]] static Result<Vm> create(bool irqchip, const std::string& device = "/dev/kvm");

  /// Maps memory at guest-physical `address`; the caller numbers the slots. EEXIST: taken.
  [[nodiscard]] Result<MemorySlot> map(std::uint32_t slot, std::uint64_t address,
                                       MemoryView memory);
  /// Creates the one CPU, with all features that KVM supports.
  [[nodiscard]] Result<Vcpu> create_vcpu();

  // These return 0 or errno: KVM's own answers.
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
