// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/interrupts.hpp"

#include <unistd.h>
#include <x86intrin.h>

#include <memory>

#include "vdev/core/interrupt.hpp"
#include "vdev/kvm/kvm_machine.hpp"
#include "vdev/kvm/wires.hpp"

namespace bellwire::bench {
namespace {

constexpr unsigned raises = 50;  // a round
constexpr std::uint32_t message_gsi = 24;
constexpr bus::Pin edge_pin{.number = 5, .vector = 0x45};
constexpr std::uint8_t message_vector = 0x46;

struct Raiser {
  std::unique_ptr<bus::Machine> machine;
  os::EventFd wired;
  os::EventFd free;
  std::vector<kvm::InterruptWire> wires;
  Interrupt line;

  [[nodiscard]] const kvm::Vm& vm() const {
    return static_cast<const kvm::KvmMachine&>(*machine).vm();
  }

  Result<void> wire_all() {
    const kvm_irq_routing_entry routes[] = {bus::msi_route(message_gsi, message_vector),
                                            bus::pin_route(edge_pin.number, edge_pin.number)};
    errno = vm().set_routes(routes);
    if (errno != 0) return system_fault("KVM does not take {} routes", std::size(routes));
    machine->set_pin(edge_pin);
    auto wire = kvm::InterruptWire::create(vm(), wired, message_gsi, routes);
    if (!wire) return wire.error();
    wires.push_back(std::move(*wire));
    return {};
  }

  // What a program without bellwire does.
  static void write_one(const os::EventFd& event) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(event.fd(), &one, sizeof one);
  }
  void free_eventfd() { write_one(free); }
  void irqfd() { write_one(wired); }
  void interrupt() { line.raise(); }
  void signal_msi() {
    kvm_msi message{};
    message.address_lo = bus::msi_route(message_gsi, message_vector).u.msi.address_lo;
    message.data = message_vector;
    static_cast<void>(vm().signal_msi(message));
  }
  void irq_line() {
    static_cast<void>(vm().set_line(edge_pin.number, true));
    static_cast<void>(vm().set_line(edge_pin.number, false));
  }
};

struct InterruptWay {
  const char* name;
  void (Raiser::*raise)();
  bool arrives;
};
constexpr InterruptWay interrupt_ways[] = {
    {"interrupt, eventfd without irqfd", &Raiser::free_eventfd, false},
    {"interrupt, irqfd, bare write", &Raiser::irqfd, true},
    {"interrupt, irqfd, Interrupt::raise", &Raiser::interrupt, true},
    {"interrupt, KVM_SIGNAL_MSI", &Raiser::signal_msi, true},
    {"interrupt, KVM_IRQ_LINE up and down", &Raiser::irq_line, true},
};

Result<void> sample_raises(Raiser& raiser, const InterruptWay& way, double ns_per_tick,
                           Samples& samples) {
  samples.times += raises;
  for (unsigned count = 0; count < raises; ++count) {
    const auto before = __rdtsc();
    (raiser.*way.raise)();
    samples.ns.push_back(static_cast<double>(__rdtsc() - before) * ns_per_tick);
    if (way.arrives && raiser.machine->take_interrupts(std::chrono::seconds(1)).size() != 1)
      return fault(std::errc::io_error, "{}: it did not arrive", way.name);
  }
  return {};
}

Result<std::shared_ptr<Raiser>> create_raiser() {
  auto machine = kvm::KvmMachine::create({});
  if (!machine) return machine.error();
  auto wired = os::EventFd::create();
  if (!wired) return wired.error();
  auto free = os::EventFd::create();
  if (!free) return free.error();
  auto copy = wired->duplicate();
  if (!copy) return copy.error();
  std::shared_ptr<Raiser> raiser(new Raiser{std::move(*machine),
                                            std::move(*wired),
                                            std::move(*free),
                                            {},
                                            InterruptLine(std::move(*copy)).interrupt()});
  if (auto wiring = raiser->wire_all(); !wiring) return wiring.error();
  return raiser;
}

}  // namespace

Result<void> enter_interrupts(Race& race, double ns_per_tick) {
  const auto raiser = create_raiser();
  if (!raiser) return raiser.error();
  for (const auto& way : interrupt_ways) {
    race.enter(way.name, [raiser = *raiser, &way, ns_per_tick](Samples& samples) {
      return sample_raises(*raiser, way, ns_per_tick, samples);
    });
  }
  race.compare("interrupt, irqfd, Interrupt::raise", "interrupt, irqfd, bare write");
  race.compare("interrupt, irqfd, bare write", "interrupt, KVM_SIGNAL_MSI");
  return {};
}

}  // namespace bellwire::bench
