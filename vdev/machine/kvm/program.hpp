// SPDX-License-Identifier: BSD-3-Clause
//
// Program: a guest of ours, as the assembler made it (guest.inc), put in a virtual machine: its
// memory, and its CPU about to execute its first instruction in long mode.
#pragma once

#include "vdev/machine/kvm/guest_layout.h"
#include "vdev/machine/kvm/vm.hpp"

namespace bellwire::kvm {

class Program {
 public:
  /// `image` is GUEST_SIZE bytes, which stay there. Uses memory slot 0, and makes the CPU.
  [[nodiscard]] static Result<Program> load(Vm& vm, const std::byte* image);

  /// From its first instruction again, as if it had never run.
  [[nodiscard]] Result<void> restart();

  /// What guest and host tell each other.
  template <class Data>
  [[nodiscard]] Data& data() const noexcept {
    return *reinterpret_cast<Data*>(memory_.bytes().data() + GUEST_DATA);
  }
  [[nodiscard]] Vcpu& cpu() noexcept { return cpu_; }

  /// Whether the last exit is the guest's word: GUEST_DONE, …
  [[nodiscard]] bool said(unsigned word) const noexcept;
  /// For an exit that nobody expected: what happened, in words.
  [[nodiscard]] Error unexpected() const;

 private:
  Program(const std::byte* image, Memory memory, Vcpu cpu) noexcept
      : image_(image), memory_(std::move(memory)), cpu_(std::move(cpu)) {}
  const std::byte* image_;
  Memory memory_;
  Vcpu cpu_;
};

}  // namespace bellwire::kvm
