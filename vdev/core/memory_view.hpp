// SPDX-License-Identifier: BSD-3-Clause
//
// MemoryView: the memory that driver and device share, as a device gets it. Copies share the
// mapping, which lives as long as any of them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "vdev/os/memory.hpp"

namespace bellwire {

class MemoryView {
 public:
  MemoryView() = default;
  explicit MemoryView(os::Mapping mapping)
      : mapping_(std::make_shared<const os::Mapping>(std::move(mapping))) {}

  [[nodiscard]] std::span<std::byte> bytes() const noexcept {
    return mapping_ ? std::span(mapping_->data(), mapping_->size()) : std::span<std::byte>();
  }

 private:
  std::shared_ptr<const os::Mapping> mapping_;
};

}  // namespace bellwire
