// SPDX-License-Identifier: BSD-3-Clause
//
// Exits: answers what the ring guest's accesses ask of user space, and counts them. On the thread
// that runs the guest.
#pragma once

#include <linux/kvm.h>

#include "vdev/core/guest.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/runner/register_port.hpp"

namespace bellwire::kvm {

class Exits {
 public:
  /// All must outlive it. `doorbell`: what a ring that KVM did not take is passed on to.
  Exits(const GuestPlan& plan, const RegisterPort& registers, const os::EventFd& doorbell) noexcept
      : plan_(plan), registers_(registers), doorbell_(doorbell) {}

  /// False if it is none that the guest should have made.
  [[nodiscard]] bool answer(kvm_run& exit);

  [[nodiscard]] std::uint64_t doorbells() const noexcept { return doorbells_; }
  [[nodiscard]] std::uint64_t registers() const noexcept { return others_; }

 private:
  struct Access {
    std::uint64_t offset;
    unsigned size;
    bool write;
    std::uint64_t value;
  };
  struct Place;
  static const Place places[];

  void ring(Access& access);
  void tell_plan(Access& access);
  void use_register(Access& access);

  const GuestPlan& plan_;
  const RegisterPort& registers_;
  const os::EventFd& doorbell_;
  std::uint64_t doorbells_ = 0;
  std::uint64_t others_ = 0;
};

}  // namespace bellwire::kvm
