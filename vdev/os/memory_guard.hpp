// SPDX-License-Identifier: BSD-3-Clause
//
// MemoryGuard: survives the loss of a mapping. Memory of a device, or of a file that another
// process may shorten, can go while it is mapped; a touch is SIGBUS then, which ends the process
// without a word. Guarded memory becomes private zeroes instead, whole and for good, and the guard
// says so; its owner looks at lost() where it looks at the device's other signs, and reports the
// reason.
//
// A SIGBUS elsewhere is handled as it was before the first guard. Any thread.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "vdev/os/result.hpp"

namespace bellwire::os {

class MemoryGuard {
 public:
  static constexpr std::size_t most = 128;  ///< at a time, in this process

  /// `memory` is whole pages, stays mapped until the guard is dropped, and is guarded once. ENFILE:
  /// there are too many guards.
  [[nodiscard]] static Result<MemoryGuard> create(std::span<std::byte> memory);

  MemoryGuard(MemoryGuard&& other) noexcept : slot_(std::exchange(other.slot_, most)) {}
  MemoryGuard& operator=(MemoryGuard&&) = delete;
  ~MemoryGuard();

  /// Whether the memory has gone, and somebody touched it since.
  [[nodiscard]] bool lost() const noexcept;

 private:
  explicit MemoryGuard(std::size_t slot) noexcept : slot_(slot) {}
  std::size_t slot_;
};

}  // namespace bellwire::os
