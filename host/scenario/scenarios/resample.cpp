// SPDX-License-Identifier: BSD-3-Clause
//
// An interrupt by level. While the guest's handler runs, the device has something new; the line is
// high already, and the EOI lowers it. Who listens to the EOI has to raise it again.
#include "host/scenario/scenario.hpp"
#include "host/scenario/stand.hpp"
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
bool end_interrupt(Stand& stand) {
  stand.machine().settle();
  return !stand.machine().take_interrupts(std::chrono::milliseconds(0)).empty();
}

void handle_interrupt(Stand& stand) {
  if (!end_interrupt(stand)) return;
  stand.interrupted();
  const auto count = stand.take_completions();
  stand.tell("guest",
             text("takes an interrupt; completions: {}, used index {}", count, stand.used()));
}

}  // namespace

std::optional<Finding> play_resample(Story& story, bool defect) {
  Stand stand(story, {.msix = false});
  const auto resample = os::EventFd::create_shared().value();
  wire(stand.machine(), stand.ring().call, resample);
  stand.connect();
  stand.enable();
  stand.submit();
  stand.machine().settle();
  stand.tell("machine", "the irqfd has raised the line for request 0");
  stand.interrupted();
  stand.tell("guest", text("its handler begins; completions: {}", stand.take_completions()));
  stand.submit();
  stand.machine().settle();
  stand.tell("back-end", text("completes request 1 and raises: used index {}; the line is high "
                              "already",
                              stand.used()));
  if (!end_interrupt(stand)) throw std::runtime_error("there was no interrupt to end");
  stand.tell("machine", text("the handler's EOI lowers the line; resample count {}",
                             os::event_count(resample.fd()).value()));
  resample.drain();
  if (defect) {
    stand.tell("VMM", "drops the resample's count: DEFECT");
  } else {
    stand.tell("VMM", text("takes the resample's count, finds used index {} where the guest took "
                           "{}, raises again",
                           stand.used(), stand.consumed()));
    stand.ring().call.ring();
  }
  handle_interrupt(stand);
  auto court = stand.court();
  court.raise_again = [&stand] {
    stand.ring().call.ring();
    handle_interrupt(stand);
  };
  return judge(court);
}

}  // namespace bellwire::host
