// SPDX-License-Identifier: BSD-3-Clause
//
// MsixRegisters: the BAR of the MSI-X table and the pending bit array. A vector's mask bit and its
// pending bit are the ones of Interrupts; where a vector is aimed at is for the guest's side to
// know, and only kept here. Accesses are of 4 or 8 bytes, aligned; others read as they would from
// memory, and write nothing. Source: PCI Local Bus Specification 3.0, 6.8.2.
#pragma once

#include <array>
#include <vector>

#include "vdev/core/registers.hpp"
#include "vdev/pci/config_builder.hpp"
#include "vdev/pci/interrupts.hpp"

namespace bellwire::pci {

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
