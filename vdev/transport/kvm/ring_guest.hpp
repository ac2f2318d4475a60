// SPDX-License-Identifier: BSD-3-Clause
//
// The host's side of ring_guest.S: Exits answers the guest's accesses to user space, Records reads
// the guest's account of its requests. On the thread that runs the guest.
#pragma once

#include <linux/kvm.h>

#include "vdev/core/transport.hpp"
#include "vdev/machine/kvm/vm.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/runner/register_port.hpp"

namespace bellwire::kvm {

/// Exits: answers what the ring guest's accesses ask of user space, and counts them. On the thread
/// that runs the guest.
class Exits {
 public:
  /// All must outlive it. `doorbell`: what a ring that KVM did not take is passed on to.
  Exits(const GuestPlan& plan, const RegisterPort& registers, const os::EventFd& doorbell) noexcept
      : plan_(plan), registers_(registers), doorbell_(doorbell) {}

  /// False if it is not an access that the guest should make.
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
  void read_plan(Access& access);
  void use_register(Access& access);

  const GuestPlan& plan_;
  const RegisterPort& registers_;
  const os::EventFd& doorbell_;
  std::uint64_t doorbells_ = 0;
  std::uint64_t others_ = 0;
};

// Records: the ring guest's memory of its requests, one after another. We write the inputs before
// it runs, it writes the rest; afterwards they become a report.
constexpr std::uint32_t most_requests = 1'000'000;

class Records {
 public:
  /// Gives the guest memory for `requests` of them, in slot `slot`, with random inputs. EINVAL.
  [[nodiscard]] static Result<Records> create(Vm& vm, std::uint32_t slot, std::uint32_t requests);

  [[nodiscard]] std::vector<Exchange> exchanges(double ns_per_tick) const;

 private:
  struct Record;
  Records(MemorySlot memory, std::uint32_t requests) noexcept
      : memory_(std::move(memory)), requests_(requests) {}
  [[nodiscard]] std::span<Record> all() const noexcept;
  MemorySlot memory_;
  std::uint32_t requests_;
};

}  // namespace bellwire::kvm
