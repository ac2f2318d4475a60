// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/kvm/eventfds.hpp"

#include <algorithm>

namespace bellwire::kvm {
namespace {

std::string place_of(const kvm_ioeventfd& request) {
  const bool port = (request.flags & KVM_IOEVENTFD_FLAG_PIO) != 0;
  return text("{} {:#x}, length {}", port ? "port" : "address", request.addr, request.len);
}

Error refused(int error, const kvm_ioeventfd& request) {
  errno = error;
  if (error == EEXIST)
    return system_fault("another doorbell has {}; choose another place, length or datamatch",
                        place_of(request));
  if (error == EINVAL)
    return system_fault(
        "a doorbell at {} is not possible; KVM has lengths 1, 2, 4 and 8, or 0 for "
        "any, without datamatch",
        place_of(request));
  return system_fault("cannot wire a doorbell at {}", place_of(request));
}

}  // namespace

Result<Ioeventfd> Ioeventfd::create(const Vm& vm, const os::EventFd& event, kvm_ioeventfd request) {
  auto copy = event.duplicate();
  if (!copy) return copy.error();
  request.fd = copy->fd();
  if (const int error = vm.ioeventfd(request); error != 0) return refused(error, request);
  return Ioeventfd(vm, std::move(*copy), request);
}

Ioeventfd::~Ioeventfd() {
  if (vm_ == nullptr) return;
  request_.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
  static_cast<void>(vm_->ioeventfd(request_));
}

Result<Irqfd> Irqfd::create(const Vm& vm, const os::EventFd& event, std::uint32_t gsi,
                            std::span<const kvm_irq_routing_entry> routes) {
  if (std::ranges::find(routes, gsi, &kvm_irq_routing_entry::gsi) == routes.end())
    return fault(std::errc::invalid_argument,
                 "GSI {} has no route: its interrupts would be lost; set a route first", gsi);
  auto copy = event.duplicate();
  if (!copy) return copy.error();
  kvm_irqfd request{};
  request.fd = static_cast<std::uint32_t>(copy->fd());
  request.gsi = gsi;
  errno = vm.irqfd(request);
  if (errno != 0) return system_fault("cannot wire eventfd {} to GSI {}", event.fd(), gsi);
  return Irqfd(vm, std::move(*copy), request);
}

Irqfd::~Irqfd() {
  if (vm_ == nullptr) return;
  request_.flags |= KVM_IRQFD_FLAG_DEASSIGN;
  static_cast<void>(vm_->irqfd(request_));
}

}  // namespace bellwire::kvm
