// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/model/routes.hpp"

#include <algorithm>

namespace bellwire::machine {
namespace {

constexpr std::uint32_t most = 4096;  // GSIs, and routes
constexpr unsigned pic_pins = 8;

bool is_pin(const kvm_irq_routing_entry& entry) {
  return entry.type == KVM_IRQ_ROUTING_IRQCHIP;
}

bool well_formed(const kvm_irq_routing_entry& entry) {
  if (entry.gsi >= most || entry.flags != 0) return false;
  if (entry.type == KVM_IRQ_ROUTING_MSI) return true;
  const auto& [chip, pin] = entry.u.irqchip;
  return is_pin(entry) && chip <= KVM_IRQCHIP_IOAPIC &&
         pin < (chip == KVM_IRQCHIP_IOAPIC ? Apic::pins : pic_pins);
}

// A GSI leads to one message, or to one input of each chip.
bool compatible(const kvm_irq_routing_entry& one, const kvm_irq_routing_entry& other) {
  return is_pin(one) && is_pin(other) && one.u.irqchip.irqchip != other.u.irqchip.irqchip;
}

std::uint64_t address_of(const kvm_irq_routing_msi& message) {
  return std::uint64_t{message.address_hi} << 32 | message.address_lo;
}

}  // namespace

int Routes::set(std::span<const kvm_irq_routing_entry> entries) {
  if (entries.size() > most) return EINVAL;
  std::multimap<std::uint32_t, kvm_irq_routing_entry> routes;
  for (const auto& entry : entries) {
    const auto [first, last] = routes.equal_range(entry.gsi);
    const auto fits = [&](const auto& other) { return compatible(entry, other.second); };
    if (!well_formed(entry) || !std::all_of(first, last, fits)) return EINVAL;
    routes.emplace(entry.gsi, entry);
  }
  entries_ = std::move(routes);
  return 0;
}

void Routes::drive(std::uint32_t gsi, Source source, bool high) {
  const auto [first, last] = entries_.equal_range(gsi);
  for (auto route = first; route != last; ++route) {
    const auto& entry = route->second;
    if (!is_pin(entry)) {
      if (high) apic_.message(address_of(entry.u.msi), entry.u.msi.data);
    } else if (entry.u.irqchip.irqchip == KVM_IRQCHIP_IOAPIC) {
      apic_.set_line(entry.u.irqchip.pin, static_cast<unsigned>(source), high);
    }
  }
}

bool Routes::is_message(std::uint32_t gsi) const {
  const auto entry = entries_.find(gsi);
  return entry != entries_.end() && !is_pin(entry->second);
}

std::optional<std::uint32_t> Routes::gsi_of(unsigned pin) const {
  const auto leads_there = [pin](const auto& entry) {
    const auto& irqchip = entry.second.u.irqchip;
    return is_pin(entry.second) && irqchip.irqchip == KVM_IRQCHIP_IOAPIC && irqchip.pin == pin;
  };
  const auto found = std::ranges::find_if(entries_, leads_there);
  return found == entries_.end() ? std::nullopt : std::optional(found->first);
}

}  // namespace bellwire::machine
