// SPDX-License-Identifier: BSD-3-Clause
//
// Ioeventfd and Irqfd: an eventfd that KVM signals when the guest writes to an address, and one
// whose signal KVM injects as an interrupt. Dropping either unregisters it from KVM; it must not
// outlive its Vm. Any thread.
//
// Refusals by KVM become errors with a description here; Vm returns KVM's plain error numbers.
#pragma once

#include "vdev/machine/kvm/vm.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire::kvm {

class Ioeventfd {
 public:
  /// `request` without its eventfd; a duplicate of `event` is registered. EEXIST, EINVAL.
  [[nodiscard]] static Result<Ioeventfd> create(const Vm& vm, const os::EventFd& event,
                                                kvm_ioeventfd request);
  Ioeventfd(Ioeventfd&& other) noexcept
      : vm_(std::exchange(other.vm_, nullptr)),
        event_(std::move(other.event_)),
        request_(other.request_) {}
  Ioeventfd& operator=(Ioeventfd&&) = delete;
  ~Ioeventfd();

 private:
  Ioeventfd(const Vm& vm, os::EventFd event, const kvm_ioeventfd& request) noexcept
      : vm_(&vm), event_(std::move(event)), request_(request) {}
  const Vm* vm_;  // null when moved from
  os::EventFd event_;
  kvm_ioeventfd request_;
};

class Irqfd {
 public:
  /// `routes` are the machine's current ones: KVM itself accepts any GSI, and drops the interrupts
  /// of one without a route (docs/semantics.md 36). EINVAL, EBUSY.
  [[nodiscard]] static Result<Irqfd> create(const Vm& vm, const os::EventFd& event,
                                            std::uint32_t gsi,
                                            std::span<const kvm_irq_routing_entry> routes);
  Irqfd(Irqfd&& other) noexcept
      : vm_(std::exchange(other.vm_, nullptr)),
        event_(std::move(other.event_)),
        request_(other.request_) {}
  Irqfd& operator=(Irqfd&&) = delete;
  ~Irqfd();

 private:
  Irqfd(const Vm& vm, os::EventFd event, const kvm_irqfd& request) noexcept
      : vm_(&vm), event_(std::move(event)), request_(request) {}
  const Vm* vm_;  // null when moved from
  os::EventFd event_;
  kvm_irqfd request_;
};

}  // namespace bellwire::kvm
