// SPDX-License-Identifier: BSD-3-Clause
//
// Interrupts: all that a function has of them. Vectors, which the guest uses as MSI or as MSI-X,
// one kind at a time; and the INTx level, for a guest that uses neither.
//
// The device raises a vector by its Interrupt, from any thread. A vector leads to the guest while
// the transport has connected it and nothing masks it; what is raised meanwhile is pending, the
// bit that the guest sees in the pending bit array, and comes once. As a real MSI-X table, the
// vectors are masked at first; connecting one unmasks it, as the kernel's vfio does to the table of
// a real device.
//
// INTx is a level: it stays asserted until the device lowers it, and tells the guest once, until
// the guest has unmasked it.
//
// Everything but raising an Interrupt: the device's thread. Source: PCI Local Bus Specification
// 3.0, 6.8.2 to 6.8.3.6 and 2.2.6; docs/semantics.md, 38 and 39.
#pragma once

#include <optional>
#include <vector>

#include "vdev/core/interrupt.hpp"

namespace bellwire::pci {

enum class InterruptKind { intx, msi, msix };

struct InterruptCounts {
  bool intx = false;
  unsigned msi = 0;   ///< up to 32
  unsigned msix = 0;  ///< up to 2048
};

class Interrupts {
 public:
  explicit Interrupts(const InterruptCounts& counts);

  // The device's side.

  /// Vector `index` of whichever kind the guest uses.
  [[nodiscard]] Interrupt vector(unsigned index) const { return lines_.at(index).line.interrupt(); }
  [[nodiscard]] unsigned vectors() const noexcept { return static_cast<unsigned>(lines_.size()); }
  void set_intx(bool asserted) noexcept;
  [[nodiscard]] bool intx_asserted() const noexcept { return intx_.asserted; }
  /// Whether the guest has chosen messages; then a device leaves INTx alone.
  [[nodiscard]] bool uses_messages() const noexcept { return user_ != InterruptKind::intx; }

  // The transport's side; `index` is below count(kind).

  [[nodiscard]] unsigned count(InterruptKind kind) const noexcept;
  /// Leads it to `event`. A kind of messages takes the vectors over from the other.
  void connect(InterruptKind kind, unsigned index, os::EventFd event) noexcept;
  void disconnect(InterruptKind kind, unsigned index) noexcept;
  void disconnect(InterruptKind kind) noexcept;  ///< all of it
  void set_masked(InterruptKind kind, unsigned index, bool masked) noexcept;
  [[nodiscard]] bool masked(InterruptKind kind, unsigned index) const noexcept;
  [[nodiscard]] bool pending(InterruptKind kind, unsigned index) const noexcept;
  /// As if the device had raised it.
  void trigger(InterruptKind kind, unsigned index) noexcept;

  // What the config space says: MSI-X function mask, the command register's interrupt disable.

  void mask_all(bool masked) noexcept;
  void disable_intx(bool disabled) noexcept;

  /// Masks as at first, nothing pending; connections stay, and are masked no more than they were
  /// when they were made.
  void reset() noexcept;

 private:
  struct Vector {
    InterruptLine line;
    std::optional<os::EventFd> parked;  // where it leads, while it is masked
    bool connected = false;
    bool msi_masked = false;
    bool msix_masked = true;
  };
  struct Level {
    std::optional<os::EventFd> event;
    bool asserted = false;
    bool told = false;  // masked since the guest was told, or by the guest
    bool disabled = false;
  };

  [[nodiscard]] bool open(const Vector& vector) const noexcept;
  void settle(Vector& vector) noexcept;
  void settle_all() noexcept;
  void drop(Vector& vector) noexcept;
  void tell() noexcept;

  InterruptCounts counts_;
  std::vector<Vector> lines_;
  Level intx_;
  InterruptKind user_ = InterruptKind::intx;  // whose the vectors' connections are
  bool all_masked_ = false;
};

}  // namespace bellwire::pci
