// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/model/apic.hpp"

namespace bellwire::machine {
namespace {

// A message's fields (Intel SDM volume 3, "Message Signalled Interrupts").
constexpr std::uint64_t address_mask = 0xfffffffffff00000, address_base = 0xfee00000;
constexpr unsigned destination_shift = 12, destination_mask = 0xff;
constexpr unsigned our_id = 0, broadcast_id = 0xff;
constexpr std::uint32_t vector_mask = 0xff, delivery_mask = 0x700;
constexpr unsigned lowest_vector = 16;  // those below are illegal in a message

bool for_us(std::uint64_t address) {
  const auto destination = (address >> destination_shift) & destination_mask;
  return (address & address_mask) == address_base &&
         (destination == our_id || destination == broadcast_id);
}

}  // namespace

void Apic::message(std::uint64_t address, std::uint32_t data) noexcept {
  const auto vector = data & vector_mask;
  if (!for_us(address) || (data & delivery_mask) != 0 || vector < lowest_vector) return;
  requested_.set(vector);
  level_.reset(vector);
}

void Apic::set_pin(const Pin& pin) noexcept {
  auto& input = inputs_.at(pin.number);
  input.vector = pin.vector;
  input.level = pin.level;
  input.masked = false;
  if (input.requested) serve(input);
}

void Apic::set_line(unsigned pin, unsigned source, bool high) noexcept {
  auto& input = inputs_.at(pin);
  const auto bit = std::uint32_t{1} << source;
  input.lines = high ? input.lines | bit : input.lines & ~bit;
  const bool was = std::exchange(input.requested, input.lines != 0);
  const bool edge = input.requested && !was;
  if (input.level ? input.requested : edge) serve(input);
}

void Apic::serve(Input& input) noexcept {
  if (input.masked || (input.level && input.in_service)) return;
  requested_.set(input.vector);
  level_.set(input.vector, input.level);
  input.in_service = input.level;
}

std::vector<std::uint8_t> Apic::take() {
  std::vector<std::uint8_t> taken;
  for (unsigned next = 256; next-- > 0;) {
    if (!requested_.test(next)) continue;
    const auto vector = static_cast<std::uint8_t>(next);
    requested_.reset(vector);
    taken.push_back(vector);
    end_of(vector);
    next = 256;  // its EOI may have brought a higher one
  }
  return taken;
}

void Apic::end_of(std::uint8_t vector) {
  for (unsigned pin = 0; pin < pins; ++pin) {
    auto& input = inputs_[pin];
    if (input.masked || input.vector != vector) continue;
    on_eoi_(pin);
    if (!level_.test(vector) || !input.level) continue;
    input.in_service = false;
    if (input.requested) serve(input);
  }
}

}  // namespace bellwire::machine
