// SPDX-License-Identifier: BSD-3-Clause
//
// The model of KVM_SET_GSI_ROUTING, which maps GSIs to interrupts (Routes), and of KVM_IRQFD, which
// maps eventfds to GSIs (IrqFds). One thread at a time. Source: docs/semantics.md, 27 to 37.
#pragma once

#include <linux/kvm.h>

#include <map>
#include <optional>
#include <span>
#include <unordered_map>

#include "vdev/machine/model/apic.hpp"
#include "vdev/machine/model/event_reference.hpp"
#include "vdev/os/fd.hpp"

namespace bellwire::machine {

/// Who drives a line: each source has a state of its own.
enum class LineSource : unsigned { user_space = 0, resample = 1 };

/// The table behind KVM_SET_GSI_ROUTING, which leads each GSI to messages or to inputs of the I/O
/// APIC. (Inputs of the PIC are accepted, and lead nowhere.)
class Routes {
 public:
  explicit Routes(Apic& apic) noexcept : apic_(apic) {}

  /// Replaces all routes, or none. EINVAL.
  [[nodiscard]] int set(std::span<const kvm_irq_routing_entry> entries);

  /// Drives what the GSI leads to: a message is sent on a rising line, an input follows the line.
  void drive(std::uint32_t gsi, LineSource source, bool high);

  [[nodiscard]] bool is_message(std::uint32_t gsi) const;
  /// The GSI that leads to that input.
  [[nodiscard]] std::optional<std::uint32_t> gsi_of(unsigned pin) const;

 private:
  Apic& apic_;
  std::multimap<std::uint32_t, kvm_irq_routing_entry> entries_;
};

/// The table behind KVM_IRQFD. The kernel is called back when somebody writes an eventfd; the model
/// is not, so pump() takes what was signalled since its last call.
class IrqFds {
 public:
  /// Throws std::system_error if no epoll instance can be created.
  explicit IrqFds(Routes& routes);
  IrqFds(const IrqFds&) = delete;
  IrqFds& operator=(const IrqFds&) = delete;
  ~IrqFds();

  /// The ioctl: returns 0 or what errno would be.
  [[nodiscard]] int request(const kvm_irqfd& request);

  /// Injects what was signalled since the last call.
  void pump();
  /// Detaches the irqfds whose eventfd nobody has open any more.
  void reap();
  /// The CPU has sent the EOI for that GSI's input.
  void acknowledged(std::uint32_t gsi);

  /// Readable when there is something to pump.
  [[nodiscard]] int fd() const noexcept { return poll_.get(); }

 private:
  struct IrqfdEntry {
    EventReference event;
    std::uint32_t gsi;
    std::optional<EventReference> resample;
  };
  using Entries = std::unordered_map<std::uint64_t, IrqfdEntry>;  // by the eventfd's id

  int assign(const kvm_irqfd& request);
  int deassign(const kvm_irqfd& request);
  int watch(const EventReference& event) const;
  void inject(const IrqfdEntry& entry);
  void detach(Entries::iterator entry);
  [[nodiscard]] bool resampled(std::uint32_t gsi) const;

  Routes& routes_;
  os::UniqueFd poll_;
  Entries entries_;
};

}  // namespace bellwire::machine
