// SPDX-License-Identifier: BSD-3-Clause
//
// An interrupt by level. While the guest's handler runs, the device has something new; the line is
// high already, and the EOI lowers it. Whoever takes the resample's count has to raise it again.
#include "host/scenario/scenario.hpp"
#include "host/scenario/small_vm.hpp"
#include "vdev/os/event_count.hpp"

namespace bellwire::host {
namespace {

constexpr unsigned pin = 5;
constexpr std::uint8_t vector = 0x35;

void wire(machine::Machine& machine, const os::EventFd& call, const os::EventFd& resample) {
  const auto route = machine::pin_route(pin, pin);
  kvm_irqfd request{};
  request.fd = static_cast<std::uint32_t>(call.fd());
  request.gsi = pin;
  request.flags = KVM_IRQFD_FLAG_RESAMPLE;
  request.resamplefd = static_cast<std::uint32_t>(resample.fd());
  machine.set_pin({.number = pin, .vector = vector, .level = true});
  if (machine.set_routes({&route, 1}) != 0 || machine.irqfd(request) != 0)
    throw std::runtime_error("the machine refuses an interrupt by level");
}

// The handler of the guest, to its EOI. False: no interrupt is pending.
bool end_interrupt(SmallVm& vm) {
  vm.machine().settle();
  return !vm.machine().take_interrupts(std::chrono::milliseconds(0)).empty();
}

void handle_interrupt(SmallVm& vm) {
  if (!end_interrupt(vm)) return;
  vm.interrupted();
  const auto count = vm.take_completions();
  vm.tell("guest", text("takes an interrupt; completions: {}, used index {}", count, vm.used()));
}

}  // namespace

std::optional<Finding> play_resample(RunLog& run_log, bool defect) {
  SmallVm vm(run_log, {.msix = false});
  const auto resample = os::EventFd::create_shared().value();
  wire(vm.machine(), vm.ring().call, resample);
  vm.connect();
  vm.enable();
  vm.submit();
  vm.machine().settle();
  vm.tell("machine", "the irqfd has raised the line for request 0");
  vm.interrupted();
  vm.tell("guest", text("its handler begins; completions: {}", vm.take_completions()));
  vm.submit();
  vm.machine().settle();
  vm.tell("back-end", text("completes request 1 and raises: used index {}; the line is high "
                           "already",
                           vm.used()));
  if (!end_interrupt(vm)) throw std::runtime_error("there was no interrupt to end");
  vm.tell("machine", text("the handler's EOI lowers the line; resample count {}",
                          os::event_count(resample.fd()).value()));
  resample.drain();
  if (defect) {
    vm.tell("VMM", "drops the resample's count: DEFECT");
  } else {
    vm.tell("VMM", text("takes the resample's count, finds used index {} where the guest took "
                        "{}, raises again",
                        vm.used(), vm.consumed()));
    vm.ring().call.ring();
  }
  handle_interrupt(vm);
  auto watched = vm.watched();
  watched.raise_again = [&vm] {
    vm.ring().call.ring();
    handle_interrupt(vm);
  };
  return watch(watched);
}

}  // namespace bellwire::host
