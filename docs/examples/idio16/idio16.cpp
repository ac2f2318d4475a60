// SPDX-License-Identifier: BSD-3-Clause
#include "idio16.hpp"

using namespace bellwire;

namespace {

constexpr pci::Register<std::uint8_t, 0> outputs_low{};
constexpr pci::Register<std::uint8_t, 1> inputs_low{};         // written: clears the interrupt
constexpr pci::Register<std::uint8_t, 2> interrupt_control{};  // read: wanted; written: not
constexpr pci::Register<std::uint8_t, 4> outputs_high{};
constexpr pci::Register<std::uint8_t, 5> inputs_high{};
constexpr pci::Register<std::uint8_t, 6> interrupt_status{};
constexpr unsigned low_changed = 1 << 0, high_changed = 1 << 1, pending = 1 << 2;

}  // namespace

Idio16::Idio16(std::function<void(std::uint16_t)> on_outputs)
    : Function(plan(*this)), on_outputs_(std::move(on_outputs)) {}

pci::Plan Idio16::plan(RegisterBlock& registers) {
  pci::Plan plan{.identity = {.vendor = 0x494F, .device = 0x0DC8, .class_code = 0x118000}};
  plan.bars[2] = {.shape = {pci::BarKind::io, 256}, .registers = &registers};
  plan.intx = true;
  return plan;
}

std::uint64_t Idio16::read(std::uint64_t offset, unsigned size) noexcept {
  if (outputs_low.matches(offset, size)) return outputs_ & 0xFF;
  if (outputs_high.matches(offset, size)) return outputs_ >> 8;
  if (inputs_low.matches(offset, size)) return inputs_ & 0xFF;
  if (inputs_high.matches(offset, size)) return inputs_ >> 8;
  if (interrupt_control.matches(offset, size)) interrupts_wanted_ = true;
  if (interrupt_status.matches(offset, size)) return status_;
  return 0;
}

void Idio16::write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept {
  if (outputs_low.matches(offset, size)) set_outputs((outputs_ & 0xFF00) | value);
  if (outputs_high.matches(offset, size)) set_outputs((outputs_ & 0x00FF) | value << 8);
  if (inputs_low.matches(offset, size)) clear_interrupt();
  if (interrupt_control.matches(offset, size)) interrupts_wanted_ = false;
}

void Idio16::set_outputs(std::uint64_t lines) {
  const auto now = static_cast<std::uint16_t>(lines);
  if (std::exchange(outputs_, now) != now) on_outputs_(now);
}

void Idio16::set_inputs(std::uint16_t lines) {
  const auto changes = std::exchange(inputs_, lines) ^ lines;
  if (!interrupts_wanted_) return;
  if ((changes & 0xFF) != 0) status_ |= pending | low_changed;
  if (changes >> 8 != 0) status_ |= pending | high_changed;
  interrupts().set_intx(status_ != 0);
}

void Idio16::clear_interrupt() {
  status_ = 0;
  interrupts().set_intx(false);
}

// The inputs are not ours to reset.
void Idio16::on_reset() noexcept {
  interrupts_wanted_ = false;
  clear_interrupt();
  set_outputs(0);
}
