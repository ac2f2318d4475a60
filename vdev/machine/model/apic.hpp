// SPDX-License-Identifier: BSD-3-Clause
//
// Apic: a model of the local APIC of the one CPU and of the I/O APIC before it, as far as
// interrupts can be counted by it: a vector that is pending already stays pending once; a level
// input is served again at EOI while its line is high. One thread at a time.
// Source: docs/semantics.md, 33, 34; Linux arch/x86/kvm/{lapic,ioapic}.c.
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

  /// A message, as the CPU's bus carries them. One for another CPU goes nowhere.
  void message(std::uint64_t address, std::uint32_t data) noexcept;

  void set_pin(const Pin& pin) noexcept;
  /// A line is high while any of its sources (0 to 31) holds it high.
  void set_line(unsigned pin, unsigned source, bool high) noexcept;

  /// `acknowledged` is called with each input whose vector the CPU has finished.
  void on_eoi(std::function<void(unsigned pin)> acknowledged) { on_eoi_ = std::move(acknowledged); }

  [[nodiscard]] bool pending() const noexcept { return requested_.any(); }
  /// The CPU takes all that is pending, highest first, each with its EOI.
  std::vector<std::uint8_t> take();

 private:
  struct Input {
    std::uint8_t vector = 0;
    bool level = false;
    bool masked = true;
    std::uint32_t lines = 0;  // a bit a source
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
