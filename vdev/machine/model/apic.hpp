// SPDX-License-Identifier: BSD-3-Clause
//
// Apic: a model of the CPU's local APIC and of the I/O APIC, as far as it affects the number of
// interrupts: a vector that is already pending stays pending once; a level input is served again at
// EOI while its line is high. One thread at a time. Source: docs/semantics.md, 33, 34; Linux
// arch/x86/kvm/{lapic,ioapic}.c.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <functional>
#include <vector>

#include "vdev/machine/machine.hpp"

namespace bellwire::machine {

class Apic {
 public:
  static constexpr unsigned pins = 24;

  /// An MSI message. A message for another CPU is ignored.
  void message(std::uint64_t address, std::uint32_t data) noexcept;

  void set_pin(const Pin& pin) noexcept;
  /// A line is high while any of its sources (0 to 31) holds it high.
  void set_line(unsigned pin, unsigned source, bool high) noexcept;

  /// `acknowledged` is called with each input whose vector the CPU has finished.
  void on_eoi(std::function<void(unsigned pin)> acknowledged) { on_eoi_ = std::move(acknowledged); }

  [[nodiscard]] bool pending() const noexcept { return requested_.any(); }
  /// The CPU takes all pending vectors, highest first, each with its EOI.
  std::vector<std::uint8_t> take();

 private:
  struct Input {
    std::uint8_t vector = 0;
    bool level = false;
    bool masked = true;
    std::uint32_t lines = 0;  // one bit per source
    bool requested = false;
    bool in_service = false;  // level: sent, and no EOI yet
  };
  void serve(Input& input) noexcept;
  void end_of(std::uint8_t vector);

  std::array<Input, pins> inputs_;
  std::bitset<256> requested_;
  std::bitset<256> level_;  // by which trigger the vector came last
  std::function<void(unsigned)> on_eoi_ = [](unsigned) {};
};

}  // namespace bellwire::machine
