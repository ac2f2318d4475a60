// SPDX-License-Identifier: BSD-3-Clause
//
// MemoryView: the memory that driver and device share, as a device gets it. Copies share the
// mapping, which lives as long as any of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "vdev/core/address_range.hpp"
#include "vdev/os/memory.hpp"

namespace bellwire {

class MemoryView {
 public:
  MemoryView() = default;
  explicit MemoryView(os::Mapping mapping)
      : MemoryView(std::make_shared<const os::Mapping>(std::move(mapping))) {}
  /// Of a mapping that is part of something else, which the pointer keeps.
  explicit MemoryView(std::shared_ptr<const os::Mapping> mapping)
      : mapping_(std::move(mapping)), bytes_(mapping_->data(), mapping_->size()) {}

  [[nodiscard]] std::span<std::byte> bytes() const noexcept {
    return mapping_ ? bytes_ : std::span<std::byte>();
  }

  /// `size` bytes of it from `offset` on; empty where it hasn't as many.
  [[nodiscard]] std::optional<MemoryView> part(std::uint64_t offset, std::uint64_t size) const {
    if (!fits(offset, size, bytes_.size())) return std::nullopt;
    MemoryView view = *this;
    view.bytes_ = bytes_.subspan(offset, size);
    return view;
  }

 private:
  std::shared_ptr<const os::Mapping> mapping_;
  std::span<std::byte> bytes_;
};

}  // namespace bellwire
