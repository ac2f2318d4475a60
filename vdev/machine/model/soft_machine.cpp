// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/model/soft_machine.hpp"

#include "vdev/os/fd.hpp"

namespace bellwire::machine {

namespace {

// Where the interrupt controllers are that a kernel puts on its buses.
struct Reserved {
  Space space;
  IoRange range;
};
constexpr Reserved irqchip_places[] = {{Space::pio, {0x20, 2}},
                                       {Space::pio, {0xa0, 2}},
                                       {Space::pio, {0x4d0, 2}},
                                       {Space::mmio, {0xfec00000, 0x100}}};

}  // namespace

SoftMachine::SoftMachine(const MachineOptions& options) : irqchip_(options.irqchip) {
  if (irqchip_)
    for (const auto& [space, range] : irqchip_places) ioeventfds_.reserve(space, range);
  apic_.on_eoi([this](unsigned pin) {
    if (const auto gsi = routes_.gsi_of(pin)) irqfds_.acknowledged(*gsi);
  });
}

Result<std::unique_ptr<Machine>> SoftMachine::create(const MachineOptions& options) {
  return std::unique_ptr<Machine>(std::make_unique<SoftMachine>(options));
}

int SoftMachine::ioeventfd(const kvm_ioeventfd& request) {
  return ioeventfds_.request(request);
}

int SoftMachine::irqfd(const kvm_irqfd& request) {
  const bool assigns = (request.flags & KVM_IRQFD_FLAG_DEASSIGN) == 0;
  return assigns && !irqchip_ ? EINVAL : irqfds_.request(request);
}

int SoftMachine::set_routes(std::span<const kvm_irq_routing_entry> routes) {
  irqfds_.pump();
  return irqchip_ ? routes_.set(routes) : EINVAL;
}

void SoftMachine::settle() {
  irqfds_.pump();
  irqfds_.reap();
}

std::optional<std::uint64_t> SoftMachine::write(Space space, std::uint64_t address, unsigned size,
                                                std::uint64_t value) {
  if (ioeventfds_.write(space, address, size, value)) return std::nullopt;
  return low_bytes(value, size);
}

bool SoftMachine::read(Space, std::uint64_t, unsigned) {
  return true;  // rule 19
}

void SoftMachine::set_pin(const Pin& pin) {
  irqfds_.pump();
  apic_.set_pin(pin);
}

std::vector<std::uint8_t> SoftMachine::take_interrupts(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    irqfds_.pump();
    if (auto taken = apic_.take(); !taken.empty()) return taken;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !os::wait_readable(irqfds_.fd(), left)) return {};
  }
}

}  // namespace bellwire::machine
