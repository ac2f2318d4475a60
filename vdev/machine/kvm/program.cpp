// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/kvm/program.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace bellwire::kvm {
namespace {

constexpr std::uint64_t cr0_protected_and_paged = 0x80000011;  // PG, ET, PE
constexpr std::uint64_t cr4_physical_address_extension = 1 << 5;
constexpr std::uint64_t efer_long_mode = 1 << 8 | 1 << 10;  // LME, LMA
constexpr std::uint8_t code_type = 11;                      // execute, read, accessed
constexpr std::uint8_t data_type = 3;                       // read, write, accessed

kvm_segment segment(std::uint16_t selector, std::uint8_t type) {
  kvm_segment flat{};
  flat.limit = 0xffffffff;
  flat.selector = selector;
  flat.type = type;
  flat.present = flat.s = flat.g = 1;
  (type == code_type ? flat.l : flat.db) = 1;
  return flat;
}

kvm_dtable table(std::uint64_t offset, std::uint16_t limit) {
  kvm_dtable place{};
  place.base = GUEST_BASE + offset;
  place.limit = limit;
  return place;
}

Result<void> enter_long_mode(Vcpu& cpu) {
  auto special = cpu.special_registers();
  if (!special) return special.error();
  special->cs = segment(GUEST_CODE_SELECTOR, code_type);
  special->ds = special->es = special->ss = special->fs = special->gs =
      segment(GUEST_DATA_SELECTOR, data_type);
  special->gdt = table(GUEST_GDT, GUEST_GDT_LIMIT);
  special->idt = table(GUEST_IDT, GUEST_STUBS - 1);
  special->cr0 = cr0_protected_and_paged;
  special->cr3 = GUEST_BASE + GUEST_PML4;
  special->cr4 = cr4_physical_address_extension;
  special->efer = efer_long_mode;
  if (auto set = cpu.set_special_registers(*special); !set) return set;
  kvm_regs registers{};
  registers.rip = GUEST_BASE;
  registers.rsp = GUEST_BASE + GUEST_STACK_TOP;
  registers.rflags = 2;
  if (auto set = cpu.set_registers(registers); !set) return set;
  return cpu.wake();
}

}  // namespace

Result<Program> Program::load(Vm& vm, const std::byte* image) {
  const auto fd = os::create_memfd("bellwire-guest", GUEST_SIZE);
  if (!fd) return fd.error();
  auto mapping = os::Mapping::create(fd->get(), GUEST_SIZE);
  if (!mapping) return mapping.error();
  auto memory = vm.map(0, GUEST_BASE, MemoryView(std::move(*mapping)));
  if (!memory) return memory.error();
  auto cpu = vm.create_vcpu();
  if (!cpu) return cpu.error();
  Program program(image, std::move(*memory), std::move(*cpu));
  if (auto started = program.restart(); !started) return started.error();
  return program;
}

Result<void> Program::restart() {
  std::copy_n(image_, GUEST_SIZE, memory_.bytes().data());
  return enter_long_mode(cpu_);
}

bool Program::said(unsigned word) const noexcept {
  const auto& run = cpu_.state();
  return run.exit_reason == KVM_EXIT_IO && run.io.direction == KVM_EXIT_IO_OUT &&
         run.io.port == GUEST_PORT && std::to_integer<unsigned>(*cpu_.port_data()) == word;
}

Error Program::unexpected() const {
  if (!said(GUEST_FAULT))
    return fault(std::errc::io_error, "the guest stopped unexpectedly: {}", cpu_.describe_exit());
  const auto vector = memory_.bytes()[GUEST_FAULT_VECTOR];
  return fault(std::errc::io_error, "the guest stopped unexpectedly: CPU exception {}",
               std::to_integer<unsigned>(vector));
}

namespace {

// That a handler runs is enough: it makes KVM_RUN return. Other calls go on by SA_RESTART.
void install_handler() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGURG, &action, nullptr);
}

timespec to_timespec(std::chrono::milliseconds time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return {.tv_sec = seconds.count(), .tv_nsec = std::chrono::nanoseconds(time - seconds).count()};
}

}  // namespace

Result<KickTimer> KickTimer::start(std::chrono::milliseconds interval) {
  [[maybe_unused]] static const bool installed = (install_handler(), true);
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGURG;
  event._sigev_un._tid = ::gettid();
  timer_t timer{};
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
    return system_fault("cannot make a timer");
  KickTimer pulse(timer);
  const auto time = to_timespec(interval);
  const itimerspec beats{.it_interval = time, .it_value = time};
  if (::timer_settime(timer, 0, &beats, nullptr) != 0)
    return system_fault("cannot set a timer to {} ms", interval.count());
  return pulse;
}

KickTimer::~KickTimer() {
  if (beats_) ::timer_delete(timer_);
}

}  // namespace bellwire::kvm
