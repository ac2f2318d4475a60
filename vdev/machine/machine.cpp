// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/machine.hpp"

namespace bellwire::machine {
namespace {
constexpr std::uint32_t msi_address = 0xfee00000;  // of the CPU with APIC ID 0
}

std::uint64_t low_bytes(std::uint64_t value, unsigned size) noexcept {
  return size >= sizeof value ? value : value & ((std::uint64_t{1} << (8 * size)) - 1);
}

kvm_irq_routing_entry msi_route(std::uint32_t gsi, std::uint8_t vector) noexcept {
  kvm_irq_routing_entry entry{};
  entry.gsi = gsi;
  entry.type = KVM_IRQ_ROUTING_MSI;
  entry.u.msi.address_lo = msi_address;
  entry.u.msi.data = vector;
  return entry;
}

kvm_irq_routing_entry pin_route(std::uint32_t gsi, unsigned pin) noexcept {
  kvm_irq_routing_entry entry{};
  entry.gsi = gsi;
  entry.type = KVM_IRQ_ROUTING_IRQCHIP;
  entry.u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
  entry.u.irqchip.pin = pin;
  return entry;
}

}  // namespace bellwire::machine
