// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/kvm/kvm_machine.hpp"

#include <bit>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "vdev/machine/kvm/monitor.h"
#include "vdev/machine/kvm/program.hpp"

namespace bellwire::kvm {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::seconds answer_within{5};
constexpr std::chrono::milliseconds between_beats{50};
constexpr std::chrono::microseconds between_looks{200};

// I/O APIC: Intel 82093AA. A register is chosen by number, then written through a window.
constexpr std::uint64_t io_apic_select = 0xfec00000;
constexpr std::uint64_t io_apic_window = 0xfec00010;
constexpr unsigned first_redirection = 0x10;  // two registers each
constexpr std::uint32_t level_triggered = 1 << 15;

constexpr unsigned first_command(machine::Space space, bool write) {
  if (space == machine::Space::mmio) return write ? MONITOR_WRITE_MMIO : MONITOR_READ_MMIO;
  return write ? MONITOR_WRITE_PIO : MONITOR_READ_PIO;
}

// What an access brought to user space, possibly in pieces.
class TrappedAccess {
 public:
  /// False if the exit is not an access.
  bool note(const Vcpu& cpu, std::uint64_t address) {
    auto& run = cpu.state();
    if (run.exit_reason == KVM_EXIT_MMIO)
      return note(run.mmio.data, run.mmio.len, run.mmio.phys_addr - address);
    if (run.exit_reason == KVM_EXIT_IO)
      return note(cpu.port_data(), run.io.size, run.io.port - address);
    return false;
  }
  [[nodiscard]] std::optional<std::uint64_t> value() const { return value_; }

 private:
  bool note(const void* data, unsigned size, std::uint64_t offset) {
    std::uint64_t all = value_.value_or(0);
    if (offset >= sizeof all || size > sizeof all - offset) return false;
    std::memcpy(reinterpret_cast<std::byte*>(&all) + offset, data, size);
    value_ = all;
    return true;
  }
  std::optional<std::uint64_t> value_;
};

}  // namespace

struct KvmMachine::Talk {
  std::uint32_t command;
  std::uint32_t taken;
  std::uint64_t address;
  std::uint64_t value;
  std::uint8_t vectors[MONITOR_MAX_VECTORS];
};

Result<std::unique_ptr<machine::Machine>> KvmMachine::create(
    const machine::MachineOptions& options) {
  static_assert(offsetof(Talk, command) == MONITOR_COMMAND);
  static_assert(offsetof(Talk, taken) == MONITOR_TAKEN);
  static_assert(offsetof(Talk, address) == MONITOR_ADDRESS);
  static_assert(offsetof(Talk, value) == MONITOR_VALUE);
  static_assert(offsetof(Talk, vectors) == MONITOR_VECTORS);
  auto vm = Vm::create(options.irqchip);
  if (!vm) return vm.error();
  auto monitor = Program::load(*vm, bellwire_monitor);
  if (!monitor) return monitor.error();
  auto unused = os::EventFd::create();
  if (!unused) return unused.error();
  std::unique_ptr<KvmMachine> machine(
      new KvmMachine(std::move(*vm), std::move(*monitor), std::move(*unused)));
  if (options.irqchip) machine->execute(MONITOR_ENABLE_APIC);
  return std::unique_ptr<machine::Machine>(std::move(machine));
}

int KvmMachine::ioeventfd(const kvm_ioeventfd& request) {
  return vm_.ioeventfd(request);
}

int KvmMachine::irqfd(const kvm_irqfd& request) {
  return vm_.irqfd(request);
}

int KvmMachine::set_routes(std::span<const kvm_irq_routing_entry> routes) {
  return vm_.set_routes(routes);
}

// A detach waits for all injections under way, even if it detaches what was never attached. Without
// an irqchip there are none.
void KvmMachine::settle() {
  kvm_irqfd nothing{};
  nothing.fd = static_cast<std::uint32_t>(unused_.fd());
  nothing.flags = KVM_IRQFD_FLAG_DEASSIGN;
  static_cast<void>(vm_.irqfd(nothing));
}

std::optional<std::uint64_t> KvmMachine::write(machine::Space space, std::uint64_t address,
                                               unsigned size, std::uint64_t value) {
  return access(first_command(space, true), address, size, value);
}

bool KvmMachine::read(machine::Space space, std::uint64_t address, unsigned size) {
  return access(first_command(space, false), address, size, 0).has_value();
}

void KvmMachine::set_pin(const machine::Pin& pin) {
  const auto set = [this](unsigned number, std::uint32_t value) {
    write(machine::Space::mmio, io_apic_select, 4, number);
    write(machine::Space::mmio, io_apic_window, 4, value);
  };
  const unsigned low = first_redirection + 2 * pin.number;
  set(low + 1, 0);  // to APIC ID 0
  set(low, pin.vector | (pin.level ? level_triggered : 0));
}

std::vector<std::uint8_t> KvmMachine::take_interrupts(std::chrono::milliseconds patience) {
  const auto deadline = clock::now() + patience;
  for (;;) {
    auto vectors = take_now();
    if (!vectors.empty() || clock::now() >= deadline) return vectors;
    std::this_thread::sleep_for(between_looks);
  }
}

std::vector<std::uint8_t> KvmMachine::take_now() {
  auto& talk = monitor_.data<Talk>();
  talk.taken = 0;
  execute(MONITOR_TAKE);
  return {talk.vectors, talk.vectors + talk.taken};
}

std::optional<std::uint64_t> KvmMachine::access(unsigned command, std::uint64_t address,
                                                unsigned size, std::uint64_t value) {
  auto& talk = monitor_.data<Talk>();
  talk.address = address;
  talk.value = value;
  return execute(command + static_cast<unsigned>(std::countr_zero(size)));
}

// The value that reached user space, if one did.
std::optional<std::uint64_t> KvmMachine::execute(unsigned command) {
  auto& talk = monitor_.data<Talk>();
  talk.command = command;
  const auto pulse = KickTimer::start(between_beats).value();
  const auto deadline = clock::now() + answer_within;
  for (TrappedAccess seen;;) {
    const bool beat = monitor_.cpu().run().value() == KVM_EXIT_INTR;
    if (beat && clock::now() >= deadline)
      throw std::runtime_error(text("the guest did not end command {} at {:#x} within {} s",
                                    command, talk.address, answer_within.count()));
    if (beat || monitor_.said(GUEST_YIELD)) continue;
    if (monitor_.said(GUEST_DONE)) return seen.value();
    if (!seen.note(monitor_.cpu(), talk.address))
      throw std::runtime_error(monitor_.unexpected().message);
  }
}

}  // namespace bellwire::kvm
