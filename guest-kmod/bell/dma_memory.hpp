// SPDX-License-Identifier: BSD-3-Clause
//
// DmaMemory: memory of this process whose place a device can be told, without a driver: one huge
// page, so that it is in one piece, and stays where it is, which the kernel promises of no other
// page of a process (it may move even a locked one). A bus address is a physical one where no IOMMU
// is, as in our VMs. For root. Source: Linux, admin-guide/mm/pagemap and hugetlbpage.
#pragma once

#include <span>

#include "vdev/os/memory.hpp"

namespace bell {
using bellwire::Result;

class DmaMemory {
 public:
  static constexpr std::size_t size = 2 << 20;

  /// ENOMEM: no huge page is free. EPERM: not root.
  [[nodiscard]] static Result<DmaMemory> create();

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {mapping_.data(), size}; }
  /// Where it is now.
  [[nodiscard]] Result<std::uint64_t> address() const;

 private:
  explicit DmaMemory(bellwire::os::Mapping mapping) noexcept : mapping_(std::move(mapping)) {}
  bellwire::os::Mapping mapping_;
};

}  // namespace bell
