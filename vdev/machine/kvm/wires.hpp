// SPDX-License-Identifier: BSD-3-Clause
//
// The two wires between a virtual machine and eventfds: a doorbell, which KVM adds to when the
// guest writes to an address, and an interrupt, which KVM gives the guest when its eventfd is
// added to. Dropping one takes it out; it must not outlive its Vm.
//
// What KVM refuses is an error in words here. For its bare answers, ask Vm.
#pragma once

#include "vdev/machine/kvm/vm.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire::kvm {

class DoorbellWire {
 public:
  /// `request` without its eventfd, of which the wire gets a duplicate. EEXIST, EINVAL.
  [[nodiscard]] static Result<DoorbellWire> create(const Vm& vm, const os::EventFd& event,
                                                   kvm_ioeventfd request);
  DoorbellWire(DoorbellWire&& other) noexcept
      : vm_(std::exchange(other.vm_, nullptr)),
        event_(std::move(other.event_)),
        request_(other.request_) {}
  DoorbellWire& operator=(DoorbellWire&&) = delete;
  ~DoorbellWire();

 private:
  DoorbellWire(const Vm& vm, os::EventFd event, const kvm_ioeventfd& request) noexcept
      : vm_(&vm), event_(std::move(event)), request_(request) {}
  const Vm* vm_;  // null when moved from
  os::EventFd event_;
  kvm_ioeventfd request_;
};

class InterruptWire {
 public:
  /// `routes` are those that the machine has: KVM itself takes any GSI, and loses what comes on one
  /// without a route (docs/semantics.md 36). EINVAL, EBUSY.
  [[nodiscard]] static Result<InterruptWire> create(const Vm& vm, const os::EventFd& event,
                                                    std::uint32_t gsi,
                                                    std::span<const kvm_irq_routing_entry> routes);
  InterruptWire(InterruptWire&& other) noexcept
      : vm_(std::exchange(other.vm_, nullptr)),
        event_(std::move(other.event_)),
        request_(other.request_) {}
  InterruptWire& operator=(InterruptWire&&) = delete;
  ~InterruptWire();

 private:
  InterruptWire(const Vm& vm, os::EventFd event, const kvm_irqfd& request) noexcept
      : vm_(&vm), event_(std::move(event)), request_(request) {}
  const Vm* vm_;  // null when moved from
  os::EventFd event_;
  kvm_irqfd request_;
};

}  // namespace bellwire::kvm
