// SPDX-License-Identifier: BSD-3-Clause
//
// IoRanges: the places on one of KVM's I/O buses, in the order in which the kernel keeps them. It
// searches them by halves, with a comparison that calls a place equal to all that contain it. Among
// places that don't overlap that finds what is there. Among such that do, it depends on the order
// in which they came, and what is there may not be found: searching here is the kernel's search.
// Source: docs/semantics.md, 21; Linux virt/kvm/kvm_main.c.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace bellwire::machine {

struct IoRange {
  std::uint64_t address;
  std::uint32_t length;  ///< 0: of any length
};

class IoRanges {
 public:
  /// `owner` tells apart who has equal places.
  void insert(const IoRange& range, const void* owner = nullptr);
  void erase(const void* owner);

  /// Whether the kernel, looking for what the guest accesses, comes by the place of `owner`.
  [[nodiscard]] bool finds(const IoRange& access, const void* owner) const;

 private:
  struct Place {
    IoRange range;
    const void* owner;
  };
  [[nodiscard]] std::size_t overlaps_with(const IoRange& range) const;
  [[nodiscard]] std::optional<std::size_t> search(const IoRange& access) const;

  std::vector<Place> places_;
  std::size_t overlaps_ = 0;  // pairs of places that overlap and begin apart
};

}  // namespace bellwire::machine
