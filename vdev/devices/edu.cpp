// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/edu.hpp"

#include <algorithm>

namespace bellwire::edu {

// A register: what it reads as, and what a write does. Either may be missing.
struct Edu::Row {
  template <class Register>
  constexpr Row(Register, std::uint64_t (*reads)(const Edu&), void (*writes)(Edu&, std::uint64_t))
      : offset(Register::offset), size(Register::size), read(reads), write(writes) {}

  std::uint64_t offset;
  unsigned size;
  std::uint64_t (*read)(const Edu&);
  void (*write)(Edu&, std::uint64_t);
};

const Edu::Row Edu::rows[] = {
    {edu::identification, [](const Edu&) -> std::uint64_t { return identity; }, nullptr},
    {edu::liveness, [](const Edu& edu) -> std::uint64_t { return edu.registers_.liveness; },
     [](Edu& edu, std::uint64_t value) {
       edu.registers_.liveness = ~static_cast<std::uint32_t>(value);
     }},
    {edu::factorial, [](const Edu& edu) -> std::uint64_t { return edu.registers_.factorial; },
     [](Edu& edu, std::uint64_t value) { edu.compute(static_cast<std::uint32_t>(value)); }},
    {edu::status, [](const Edu& edu) -> std::uint64_t { return edu.registers_.status; },
     [](Edu& edu, std::uint64_t value) { edu.registers_.status = value & factorial_interrupts; }},
    {edu::interrupt_status,
     [](const Edu& edu) -> std::uint64_t { return edu.registers_.interrupts; }, nullptr},
    {edu::interrupt_raise, nullptr,
     [](Edu& edu, std::uint64_t value) { edu.raise(static_cast<std::uint32_t>(value)); }},
    {edu::interrupt_acknowledge, nullptr,
     [](Edu& edu, std::uint64_t value) { edu.acknowledge(static_cast<std::uint32_t>(value)); }},
    {edu::dma_source, [](const Edu& edu) { return edu.registers_.source; },
     [](Edu& edu, std::uint64_t value) { edu.set(&Registers::source, value); }},
    {edu::dma_destination, [](const Edu& edu) { return edu.registers_.destination; },
     [](Edu& edu, std::uint64_t value) { edu.set(&Registers::destination, value); }},
    {edu::dma_count, [](const Edu& edu) { return edu.registers_.count; },
     [](Edu& edu, std::uint64_t value) { edu.set(&Registers::count, value); }},
    {edu::dma_command, [](const Edu& edu) { return edu.registers_.command; },
     [](Edu& edu, std::uint64_t value) { edu.command(value); }},
};

Edu::Edu() : Function(plan(*this)) {}

pci::Plan Edu::plan(RegisterBlock& registers) {
  pci::Plan plan;
  plan.identity = {.vendor = vendor_id,
                   .device = device_id,
                   .subsystem_vendor = 0x1AF4,
                   .subsystem_device = 0x1100,
                   .class_code = 0x00FF00,  // from before there were classes; not a display
                   .revision = 0x10};
  plan.bars[0] = {.shape = {pci::BarKind::memory32, bar_size}, .registers = &registers};
  plan.intx = true;
  plan.msi = 1;
  return plan;
}

// Any register can be accessed with 4 bytes.
const Edu::Row* Edu::find(std::uint64_t offset, unsigned size) noexcept {
  const auto* const row = std::ranges::find(rows, offset, &Row::offset);
  return row != std::end(rows) && (size == row->size || size == 4) ? row : nullptr;
}

std::uint64_t Edu::read(std::uint64_t offset, unsigned size) noexcept {
  const auto* const row = find(offset, size);
  const auto value = row != nullptr && row->read != nullptr ? row->read(*this) : 0;
  return size == 4 ? static_cast<std::uint32_t>(value) : value;
}

void Edu::write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept {
  const auto* const row = find(offset, size);
  if (row != nullptr && row->write != nullptr) row->write(*this, value);
}

// The product of 34 consecutive numbers is a multiple of 2^32: whatever the guest wrote, it is soon
// zero, and stays so.
void Edu::compute(std::uint32_t number) {
  std::uint32_t product = 1;
  for (; number > 1 && product != 0; --number) product *= number;
  registers_.factorial = product;
  if ((registers_.status & factorial_interrupts) != 0) raise(factorial_done);
}

void Edu::raise(std::uint32_t bits) {
  registers_.interrupts |= bits;
  if (registers_.interrupts == 0) return;
  if (interrupts().uses_messages())
    interrupts().vector(0).raise();
  else
    interrupts().set_intx(true);
}

void Edu::acknowledge(std::uint32_t bits) {
  registers_.interrupts &= ~bits;
  if (registers_.interrupts == 0) interrupts().set_intx(false);
}

void Edu::set(std::uint64_t Registers::*which, std::uint64_t value) {
  if (!running()) registers_.*which = value;
}

void Edu::command(std::uint64_t value) {
  if (running()) return;
  registers_.command = value & (dma::run | dma::to_memory | dma::interrupts);
  if (running()) transfer();
}

// If a transfer from before a reset is still under way, its end starts this one.
void Edu::transfer() {
  if (carrying_) return;
  const bool out = (registers_.command & dma::to_memory) != 0;
  const auto at = (out ? registers_.source : registers_.destination) - buffer_address;
  if (at > buffer_size || registers_.count > buffer_size - at) return finish(false);
  const auto inside = std::span(buffer_).subspan(at, registers_.count);
  const auto bytes = std::span(carried_).first(registers_.count);
  auto done = [this, out, inside, bytes, life = life_](const Result<void>& result) {
    carrying_ = false;
    if (life == life_) {
      if (result && !out) std::ranges::copy(bytes, inside.begin());
      finish(result.has_value());
    } else if (running()) {
      transfer();
    }
  };
  carrying_ = true;
  if (!out) return memory().read(registers_.source, bytes, std::move(done));
  std::ranges::copy(inside, bytes.begin());
  memory().write(registers_.destination, bytes, std::move(done));
}

void Edu::finish(bool good) {
  registers_.command &= ~dma::run;
  if (!good) registers_.command |= dma::failed;
  if ((registers_.command & dma::interrupts) != 0) raise(dma_done);
}

void Edu::on_reset() noexcept {
  registers_ = {};
  std::ranges::fill(buffer_, std::byte{});
  ++life_;
}

}  // namespace bellwire::edu
