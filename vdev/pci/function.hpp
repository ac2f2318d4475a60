// SPDX-License-Identifier: BSD-3-Clause
//
// Function: a whole PCI device, as a transport of whole devices serves it: config space, BARs,
// interrupts, and the guest's memory. An author derives from it, describes it in a Plan, and writes
// the RegisterBlocks of its BARs:
//
//     class Pulse final : public pci::Function, RegisterBlock {
//      public:
//       Pulse() : Function(plan(*this)) {}
//       std::uint64_t read(std::uint64_t offset, unsigned size) noexcept override { … }
//       …
//       static pci::Plan plan(RegisterBlock& registers) {
//         pci::Plan plan{.identity = {.vendor = 0x1AF4, .device = 0x10F0}, .msix = {.vectors = 1}};
//         plan.bars[0] = {.shape = {pci::BarKind::memory32, 4096}, .registers = &registers};
//         return plan;
//       }
//     };
//
// Everything runs on the thread of the transport's context; interrupts().vector() may be raised
// from any. The function must outlive the transport that serves it.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "vdev/core/attachment.hpp"
#include "vdev/core/device.hpp"
#include "vdev/core/dma_space.hpp"
#include "vdev/pci/config_space.hpp"
#include "vdev/pci/interrupts.hpp"

namespace bellwire::pci {

/// Bytes of a BAR that are memory, which the guest may map.
struct Area {
  std::uint64_t offset = 0;  ///< in the BAR; a multiple of the page size
  std::uint64_t size = 0;    ///< likewise
};

/// A file with the layout of the BAR; bytes outside the areas are unused.
struct BarMemory {
  /// `size` is the BAR's; the file has at least as much. EINVAL: an area is not within it.
  [[nodiscard]] static Result<BarMemory> create(os::UniqueFd fd, std::uint64_t size,
                                                std::vector<Area> areas);
  /// A new file that is one area as a whole.
  [[nodiscard]] static Result<BarMemory> create(std::uint64_t size);
  /// The same bytes and areas in a new file.
  [[nodiscard]] Result<BarMemory> copy() const;

  os::UniqueFd fd;
  MemoryView view;
  std::vector<Area> areas;
};

/// A register that only rings when written, so that a client can have KVM take the writes.
struct DoorbellRegister {
  std::uint64_t offset = 0;
  unsigned size = 4;                                  ///< of the write, in bytes; 0: any
  std::optional<std::uint64_t> value = std::nullopt;  ///< the only value that rings; none: any
  os::EventFd event;                                  ///< a shared one: the client gets it
};

struct Bar {
  BarShape shape;
  RegisterBlock* registers = nullptr;  ///< serves what is not memory; null: reads as zero
  std::optional<BarMemory> memory = std::nullopt;
  std::vector<DoorbellRegister> doorbells = {};
};

struct Plan {
  Identity identity;
  std::array<Bar, most_bars> bars;  ///< those with a shape exist; the one for MSI-X is added
  bool intx = false;
  unsigned msi = 0;  ///< vectors; 0, 1, 2, 4 … 32
  struct {
    unsigned vectors = 0;  ///< 0 to 2048
    unsigned bar = 4;      ///< a BAR of its own
  } msix;
  bool express = false;
  std::vector<VendorCapability> vendor = {};  ///< placed behind the others
};

class MsixRegisters;

/// What a guest does to a function beside its BARs.
class Access {
 public:
  virtual void read_config(std::size_t offset, std::span<std::byte> into) noexcept = 0;
  virtual void write_config(std::size_t offset, std::span<const std::byte> from) noexcept = 0;
  virtual void reset() noexcept = 0;
  /// A client arrives. What an earlier client was given, and may have kept, is cut off: the
  /// doorbells get new eventfds, the memory of BARs new files with the same bytes. On an error,
  /// such as EMFILE, this client can't be served; the next one may be.
  [[nodiscard]] virtual Result<void> admit_client() = 0;
  /// The client has gone, and so have its memory and its interrupts.
  virtual void client_gone() noexcept = 0;

 protected:
  ~Access() = default;
};

class Function : public Access {
 public:
  virtual ~Function();

  // For transports.

  /// Itself, or what stands before it.
  [[nodiscard]] Access& access() noexcept { return *access_; }
  [[nodiscard]] const ConfigSpace& config() const noexcept { return config_; }
  void read_config(std::size_t offset, std::span<std::byte> into) noexcept override;
  void write_config(std::size_t offset, std::span<const std::byte> from) noexcept override;
  /// All six; those without a shape do not exist.
  [[nodiscard]] const std::array<Bar, most_bars>& bars() const noexcept { return bars_; }
  void reset() noexcept override;
  [[nodiscard]] Result<void> admit_client() override;
  void client_gone() noexcept override { on_client_gone(); }

  [[nodiscard]] Interrupts& interrupts() noexcept { return interrupts_; }
  [[nodiscard]] DmaSpace& memory() noexcept { return memory_; }

  // For what stands between a transport and the function (observe/observation.hpp).

  /// `registers` serves the BAR from now on, in place of what it had.
  void serve_registers(unsigned bar, RegisterBlock* registers) noexcept {
    bars_[bar].registers = registers;
  }
  void serve_access(Access& access) noexcept { access_ = &access; }

 protected:
  /// Throws std::system_error if the plan violates PCI's rules: that is the author's mistake.
  explicit Function(Plan plan);

  /// For capabilities that act: called before bytes of the config space are read, and after they
  /// were written.
  virtual void on_config_read(std::size_t offset, std::size_t size) noexcept {
    (void)offset, (void)size;
  }
  virtual void on_config_write(std::size_t offset, std::size_t size) noexcept {
    (void)offset, (void)size;
  }
  [[nodiscard]] ConfigSpace& own_config() noexcept { return config_; }

  /// The device's own part of a reset.
  virtual void on_reset() noexcept {}

  /// A client has arrived, and `bars()` with doorbells or memory have new ones: take duplicates and
  /// views of them again. On an error the client is turned away.
  [[nodiscard]] virtual Result<void> on_new_wires() { return {}; }

  /// Ends whatever the client had started.
  virtual void on_client_gone() noexcept {}

 private:
  void apply_config() noexcept;

  ConfigSpace config_;
  std::array<Bar, most_bars> bars_;
  Interrupts interrupts_;
  DmaSpace memory_;
  std::unique_ptr<MsixRegisters> msix_;
  bool handed_out_ = false;  // what the bars have, to a client
  Access* access_ = this;
};

}  // namespace bellwire::pci
