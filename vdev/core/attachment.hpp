// SPDX-License-Identifier: BSD-3-Clause
//
// Attachment: what every transport gives a device, and all that a device ever sees of a transport:
// doorbells, interrupts and memory. One thread at a time uses it, the device's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "guest-kmod/uapi/bellwire.h"
#include "vdev/core/address_range.hpp"
#include "vdev/core/completion_filter.hpp"
#include "vdev/core/interrupt.hpp"
#include "vdev/core/request_tap.hpp"
#include "vdev/core/step_gate.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/os/memory.hpp"

namespace bellwire {

/// The memory that driver and device share. Copies share the mapping, which lives as long as any of
/// them.
class MemoryView {
 public:
  MemoryView() = default;
  explicit MemoryView(os::Mapping mapping)
      : MemoryView(std::make_shared<const os::Mapping>(std::move(mapping))) {}
  /// For a mapping that is part of something else, which the pointer keeps alive.
  explicit MemoryView(std::shared_ptr<const os::Mapping> mapping)
      : mapping_(std::move(mapping)), bytes_(mapping_->data(), mapping_->size()) {}

  [[nodiscard]] std::span<std::byte> bytes() const noexcept {
    return mapping_ ? bytes_ : std::span<std::byte>();
  }

  /// `size` bytes of it from `offset` on. Empty: they are not all within it.
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

struct Attachment {
  std::vector<os::EventFd> doorbells;  ///< the driver rings these; a Runner drains them
  std::vector<Interrupt> interrupts;   ///< the device raises these
  MemoryView memory;                   ///< both read and write this
  /// The memory's format, if it has been read and checked already. Then this copy is authoritative:
  /// the guest may have changed the memory since.
  std::optional<bellwire_format> format = {};
  /// What becomes of the completions of a ring device; null: they are as they are.
  std::shared_ptr<CompletionFilter> completions = {};
  /// Sees what crosses the rings of a ring device; null: nobody does.
  std::shared_ptr<RequestTap> tap = {};
  /// What holds a ring device in slow motion; null: nothing.
  std::shared_ptr<StepGate> steps = {};
};

}  // namespace bellwire
