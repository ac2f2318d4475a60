// SPDX-License-Identifier: BSD-3-Clause
//
// Part of the suite `kvm`: what an interrupt costs the device that raises it, by each way in which
// KVM injects it; beside bare C (bare_interrupts). The guest takes each before the next.
#include <x86intrin.h>

#include <array>
#include <memory>

#include "host/bench/bare/bare.h"
#include "host/bench/suites.hpp"
#include "vdev/core/interrupt.hpp"
#include "vdev/machine/kvm/eventfds.hpp"
#include "vdev/machine/kvm/kvm_machine.hpp"

namespace bellwire::bench {
namespace {

constexpr unsigned raises = 50;  // a round
constexpr bare_lines lines{.message_gsi = 24, .message_vector = 0x46, .pin = 5, .pin_vector = 0x45};

struct Raiser {
  std::unique_ptr<machine::Machine> machine;
  os::EventFd wired;
  std::vector<kvm::Irqfd> wires;
  Interrupt line, loose;

  [[nodiscard]] const kvm::Vm& vm() const {
    return static_cast<const kvm::KvmMachine&>(*machine).vm();
  }

  Result<void> wire_all() {
    const kvm_irq_routing_entry routes[] = {
        machine::msi_route(lines.message_gsi, lines.message_vector),
        machine::pin_route(lines.pin, lines.pin)};
    errno = vm().set_routes(routes);
    if (errno != 0) return system_fault("KVM refuses {} routes", std::size(routes));
    machine->set_pin({.number = lines.pin, .vector = lines.pin_vector});
    auto wire = kvm::Irqfd::create(vm(), wired, lines.message_gsi, routes);
    if (!wire) return wire.error();
    wires.push_back(std::move(*wire));
    return {};
  }

  void nothing() { loose.raise(); }
  void irqfd() { line.raise(); }
  void signal_msi() {
    kvm_msi message{};
    message.address_lo =
        machine::msi_route(lines.message_gsi, lines.message_vector).u.msi.address_lo;
    message.data = lines.message_vector;
    static_cast<void>(vm().signal_msi(message));
  }
  void irq_line() {
    static_cast<void>(vm().set_line(lines.pin, true));
    static_cast<void>(vm().set_line(lines.pin, false));
  }
};

struct InterruptWay {
  const char* name;
  void (Raiser::*raise)();
  bare_raise* bare;
  bool arrives;
};
constexpr InterruptWay interrupt_ways[] = {
    {"interrupt, eventfd without irqfd", &Raiser::nothing, bare_raise_nothing, false},
    {"interrupt, irqfd", &Raiser::irqfd, bare_raise_irqfd, true},
    {"interrupt, KVM_SIGNAL_MSI", &Raiser::signal_msi, bare_raise_signal_msi, true},
    {"interrupt, KVM_IRQ_LINE up and down", &Raiser::irq_line, bare_raise_irq_line, true},
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

Result<void> sample_bare(bare_interrupts* interrupts, const InterruptWay& way, double ns_per_tick,
                         Samples& samples) {
  std::array<std::uint64_t, raises> ticks;
  if (bare_interrupts_raise(interrupts, way.bare, way.arrives, raises, ticks.data()) != 0)
    return system_fault("{}: bare C failed", way.name);
  for (const auto each : ticks) samples.ns.push_back(static_cast<double>(each) * ns_per_tick);
  samples.times += raises;
  return {};
}

Result<std::shared_ptr<Raiser>> create_raiser() {
  auto machine = kvm::KvmMachine::create({});
  if (!machine) return machine.error();
  auto wired = os::EventFd::create();
  if (!wired) return wired.error();
  auto loose = os::EventFd::create();
  if (!loose) return loose.error();
  auto copy = wired->duplicate();
  if (!copy) return copy.error();
  std::shared_ptr<Raiser> raiser(new Raiser{std::move(*machine),
                                            std::move(*wired),
                                            {},
                                            InterruptLine(std::move(*copy)).interrupt(),
                                            InterruptLine(std::move(*loose)).interrupt()});
  if (auto wiring = raiser->wire_all(); !wiring) return wiring.error();
  return raiser;
}

}  // namespace

Result<void> add_interrupts(Benchmark& benchmark, const Environment& environment) {
  const auto raiser = create_raiser();
  if (!raiser) return raiser.error();
  const std::shared_ptr<bare_interrupts> bare(bare_interrupts_create(&lines),
                                              bare_interrupts_destroy);
  if (!bare) return system_fault("cannot make the bare virtual machine of interrupts");
  for (const auto& way : interrupt_ways) {
    benchmark.add(
        way.name,
        [raiser = *raiser, &way, ns = environment.ns_per_tick](Samples& samples) {
          return sample_raises(*raiser, way, ns, samples);
        },
        [bare, &way, ns = environment.ns_per_tick](Samples& samples) {
          return sample_bare(bare.get(), way, ns, samples);
        });
  }
  benchmark.compare("interrupt, irqfd", "interrupt, KVM_SIGNAL_MSI");
  return {};
}

}  // namespace bellwire::bench
