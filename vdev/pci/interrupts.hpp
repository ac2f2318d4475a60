// SPDX-License-Identifier: BSD-3-Clause
//
// Interrupts: all interrupts of a function. Vectors, which the guest uses as MSI or as MSI-X, one
// kind at a time; and the INTx level, for a guest that uses neither. MsixRegisters shows the
// vectors to the guest as an MSI-X table.
//
// The device raises a vector through its Interrupt, from any thread. A vector leads to the guest
// while the transport has connected it and nothing masks it. If it is raised otherwise it becomes
// pending, which the guest sees in the pending bit array, and is delivered once later. As in a real
// MSI-X table, the vectors are masked at first; connecting one unmasks it, as the kernel's vfio
// does to the table of a real device.
//
// INTx is a level: it stays asserted until the device lowers it. It is signalled once and thereby
// masked, until the guest unmasks it.
//
// Everything except raising an Interrupt is called on the device's thread. Source: PCI Local Bus
// Specification 3.0, 6.8.2 to 6.8.3.6 and 2.2.6; docs/semantics.md, 38 and 39.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "vdev/core/device.hpp"
#include "vdev/core/interrupt.hpp"
#include "vdev/pci/config_space.hpp"

namespace bellwire::pci {

enum class InterruptKind { intx, msi, msix };

struct InterruptCounts {
  bool intx = false;
  unsigned msi = 0;   ///< up to 32
  unsigned msix = 0;  ///< up to 2048
};

/// Stands between the vectors and what the transport connects them to.
class ConnectionTap {
 public:
  virtual ~ConnectionTap() = default;
  /// Returns what the device's side rings from now on.
  [[nodiscard]] virtual os::EventFd connected(InterruptKind kind, unsigned index,
                                              os::EventFd event) noexcept = 0;
  virtual void disconnected(InterruptKind kind, unsigned index) noexcept = 0;
  /// All of the kind were disconnected, which the client then does not use any more.
  virtual void disconnected_all(InterruptKind kind) noexcept { (void)kind; }
  /// It is masked or unmasked, by the transport or by a register of the guest's.
  virtual void masked(InterruptKind kind, unsigned index, bool masked) noexcept {
    (void)kind, (void)index, (void)masked;
  }
  virtual void triggered(InterruptKind kind, unsigned index) noexcept { (void)kind, (void)index; }
};

class Interrupts {
 public:
  explicit Interrupts(const InterruptCounts& counts);

  // The device's side.

  /// Vector `index` of whichever kind the guest uses. std::out_of_range: the plan has fewer.
  [[nodiscard]] Interrupt vector(unsigned index) const;
  [[nodiscard]] unsigned vectors() const noexcept { return static_cast<unsigned>(lines_.size()); }
  void set_intx(bool asserted) noexcept;
  [[nodiscard]] bool intx_asserted() const noexcept { return intx_.asserted; }
  /// Whether the guest has chosen MSI or MSI-X; then a device does not use INTx.
  [[nodiscard]] bool uses_messages() const noexcept { return user_ != InterruptKind::intx; }

  // The transport's side; `index` is below count(kind).

  [[nodiscard]] unsigned count(InterruptKind kind) const noexcept;
  /// Connects it to `event`. MSI and MSI-X take the vectors over from each other.
  void connect(InterruptKind kind, unsigned index, os::EventFd event) noexcept;
  void disconnect(InterruptKind kind, unsigned index) noexcept;
  void disconnect(InterruptKind kind) noexcept;  ///< all of it
  void set_masked(InterruptKind kind, unsigned index, bool masked) noexcept;
  [[nodiscard]] bool masked(InterruptKind kind, unsigned index) const noexcept;
  [[nodiscard]] bool pending(InterruptKind kind, unsigned index) const noexcept;
  /// As if the device had raised it.
  void trigger(InterruptKind kind, unsigned index) noexcept;

  /// From now on `tap` sees connections, masks and triggers; null: nothing does.
  void tell(ConnectionTap* tap) noexcept { tap_ = tap; }

  // Set by the config space: MSI-X function mask, the command register's interrupt disable.

  void mask_all(bool masked) noexcept;
  void disable_intx(bool disabled) noexcept;

  /// Initial masks, nothing pending; connections stay, and are masked only as when they were made.
  void reset() noexcept;

 private:
  struct Vector {
    InterruptLine line;
    std::optional<os::EventFd> parked;  // where it leads, while it is masked
    bool connected = false;
    bool msi_masked = false;
    bool msix_masked = true;
  };
  struct Intx {
    std::optional<os::EventFd> event;
    bool asserted = false;
    bool signalled = false;  // and masked by that, or by the guest
    bool disabled = false;
  };

  [[nodiscard]] bool open(const Vector& vector) const noexcept;
  void settle(Vector& vector) noexcept;
  void settle_all() noexcept;
  void drop(Vector& vector) noexcept;
  void told_disconnected(InterruptKind kind, unsigned index) noexcept;
  void signal_intx() noexcept;

  InterruptCounts counts_;
  std::vector<Vector> lines_;
  Intx intx_;
  InterruptKind user_ = InterruptKind::intx;  // whose the vectors' connections are
  bool all_masked_ = false;
  ConnectionTap* tap_ = nullptr;
};

/// The BAR with the MSI-X table and the pending bit array. A vector's mask bit and pending bit are
/// those of Interrupts; its message's address and data concern only the guest's side, and are just
/// stored. Accesses are of 4 or 8 bytes, aligned; others read as from memory, and write nothing.
/// Source: PCI Local Bus Specification 3.0, 6.8.2.
class MsixRegisters final : public RegisterBlock {
 public:
  /// `interrupts` must outlive it.
  explicit MsixRegisters(Interrupts& interrupts);

  /// The BAR that holds it: the table in the lower half, the pending bits in the upper.
  [[nodiscard]] static BarShape shape(unsigned vectors) noexcept;
  [[nodiscard]] static MsixPlace place(unsigned vectors, unsigned bar) noexcept;

  std::uint64_t read(std::uint64_t offset, unsigned size) noexcept override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept override;

  void reset() noexcept;

 private:
  [[nodiscard]] std::uint32_t load(std::uint64_t offset) const noexcept;
  void store(std::uint64_t offset, std::uint32_t value) noexcept;
  [[nodiscard]] std::uint32_t pending_from(std::uint64_t first) const noexcept;

  Interrupts& interrupts_;
  struct Target {
    std::array<std::uint32_t, 3> words{};  // address, low and high; data
  };
  std::vector<Target> targets_;
  std::uint64_t pending_at_;
};

}  // namespace bellwire::pci
