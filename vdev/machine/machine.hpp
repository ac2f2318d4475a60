// SPDX-License-Identifier: BSD-3-Clause
//
// Machine: the part of a virtual machine that eventfds are connected to, seen from both sides. The
// VMM uses the kernel's own structures and gets the kernel's own answers; the guest writes, reads
// and takes interrupts. There are two implementations: SoftMachine, a model without a kernel, and
// kvm::KvmMachine, the real one. What holds for one must hold for the other: `bellwire rules` and
// the transports' contracts run on both.
//
// It has one CPU, with APIC ID 0. One thread at a time; any thread may use the eventfds.
// Source: docs/semantics.md, 15 to 37.
#pragma once

#include <linux/kvm.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "vdev/os/result.hpp"

namespace bellwire::machine {

enum class Space : std::uint8_t { mmio, pio };

/// The guest's setting of an input of the I/O APIC. KVM has 24 inputs.
struct Pin {
  unsigned number;
  std::uint8_t vector;
  bool level = false;  ///< else edge
};

class Machine {
 public:
  virtual ~Machine() = default;

  // The VMM's side. All return 0 or what errno would be: EINVAL, EBADF, EEXIST, ENOENT, EBUSY.
  [[nodiscard]] virtual int ioeventfd(const kvm_ioeventfd& request) = 0;
  [[nodiscard]] virtual int irqfd(const kvm_irqfd& request) = 0;
  [[nodiscard]] virtual int set_routes(std::span<const kvm_irq_routing_entry> routes) = 0;

  /// Returns once all earlier signals and closes have had their effect on counts and irqfds.
  virtual void settle() = 0;

  // The guest's side. Sizes are 1, 2, 4 or 8 bytes; 8 not for ports.
  /// The value that reached user space. Empty: an ioeventfd took the write.
  virtual std::optional<std::uint64_t> write(Space space, std::uint64_t address, unsigned size,
                                             std::uint64_t value) = 0;
  /// Whether the read reached user space.
  virtual bool read(Space space, std::uint64_t address, unsigned size) = 0;
  virtual void set_pin(const Pin& pin) = 0;
  /// Takes the pending interrupts, highest vector first, each with its EOI, and returns their
  /// vectors. If none is pending, waits until one is or `patience` has passed.
  virtual std::vector<std::uint8_t> take_interrupts(std::chrono::milliseconds patience) = 0;
};

struct MachineOptions {
  bool irqchip = true;
};

using MachineFactory = std::function<Result<std::unique_ptr<Machine>>(const MachineOptions&)>;

/// The low `size` bytes of a value.
[[nodiscard]] std::uint64_t low_bytes(std::uint64_t value, unsigned size) noexcept;

/// A route that sends GSI `gsi` to the CPU as a message with that vector.
[[nodiscard]] kvm_irq_routing_entry msi_route(std::uint32_t gsi, std::uint8_t vector) noexcept;
/// A route that sends GSI `gsi` to an input of the I/O APIC.
[[nodiscard]] kvm_irq_routing_entry pin_route(std::uint32_t gsi, unsigned pin) noexcept;

}  // namespace bellwire::machine
