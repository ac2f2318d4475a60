// SPDX-License-Identifier: BSD-3-Clause
//
// IrqFds: a model of the table behind KVM_IRQFD. The kernel is called back by whoever writes the
// eventfd; a model is not, so it looks when it is pumped: what was signalled since then is taken
// at once. One thread at a time. Source: docs/semantics.md, 27 to 37.
#pragma once

#include <linux/kvm.h>

#include <unordered_map>

#include "vdev/machine/model/event_reference.hpp"
#include "vdev/machine/model/routes.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bellwire::machine {

class IrqFds {
 public:
  /// Throws std::system_error if the system has no epoll left.
  explicit IrqFds(Routes& routes);
  IrqFds(const IrqFds&) = delete;
  IrqFds& operator=(const IrqFds&) = delete;
  ~IrqFds();

  /// As the ioctl: 0 or what errno would be.
  [[nodiscard]] int request(const kvm_irqfd& request);

  /// Injects what was signalled since the last time.
  void pump();
  /// Detaches those whose eventfd nobody has open any more.
  void reap();
  /// The CPU has finished the interrupt of that GSI's input.
  void acknowledged(std::uint32_t gsi);

  /// Readable when there is something to pump.
  [[nodiscard]] int fd() const noexcept { return poll_.get(); }

 private:
  struct Entry {
    EventReference event;
    std::uint32_t gsi;
    std::optional<EventReference> resample;
  };
  using Entries = std::unordered_map<std::uint64_t, Entry>;  // by the eventfd's id

  int assign(const kvm_irqfd& request);
  int deassign(const kvm_irqfd& request);
  int watch(const EventReference& event) const;
  void inject(const Entry& entry);
  void detach(Entries::iterator entry);
  [[nodiscard]] bool resampled(std::uint32_t gsi) const;

  Routes& routes_;
  os::UniqueFd poll_;
  Entries entries_;
};

}  // namespace bellwire::machine
