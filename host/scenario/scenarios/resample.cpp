// SPDX-License-Identifier: BSD-3-Clause
//
// An interrupt by level. While the guest's handler runs, the device has something new; the line is
// high already, and the EOI lowers it. Who listens to the EOI has to raise it again.
#include "host/scenario/rig.hpp"
#include "host/scenario/scenario.hpp"
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
bool end_interrupt(Rig& rig) {
  rig.machine().settle();
  return !rig.machine().take_interrupts(std::chrono::milliseconds(0)).empty();
}

void handle_interrupt(Rig& rig) {
  if (!end_interrupt(rig)) return;
  rig.interrupted();
  const auto count = rig.take_completions();
  rig.tell("guest", text("takes an interrupt; completions: {}, used index {}", count, rig.used()));
}

}  // namespace

std::optional<Finding> play_resample(RunLog& run_log, bool defect) {
  Rig rig(run_log, {.msix = false});
  const auto resample = os::EventFd::create_shared().value();
  wire(rig.machine(), rig.ring().call, resample);
  rig.connect();
  rig.enable();
  rig.submit();
  rig.machine().settle();
  rig.tell("machine", "the irqfd has raised the line for request 0");
  rig.interrupted();
  rig.tell("guest", text("its handler begins; completions: {}", rig.take_completions()));
  rig.submit();
  rig.machine().settle();
  rig.tell("back-end", text("completes request 1 and raises: used index {}; the line is high "
                            "already",
                            rig.used()));
  if (!end_interrupt(rig)) throw std::runtime_error("there was no interrupt to end");
  rig.tell("machine", text("the handler's EOI lowers the line; resample count {}",
                           os::event_count(resample.fd()).value()));
  resample.drain();
  if (defect) {
    rig.tell("VMM", "drops the resample's count: DEFECT");
  } else {
    rig.tell("VMM", text("takes the resample's count, finds used index {} where the guest took "
                         "{}, raises again",
                         rig.used(), rig.consumed()));
    rig.ring().call.ring();
  }
  handle_interrupt(rig);
  auto watched = rig.watched();
  watched.raise_again = [&rig] {
    rig.ring().call.ring();
    handle_interrupt(rig);
  };
  return watch(watched);
}

}  // namespace bellwire::host
