// SPDX-License-Identifier: BSD-3-Clause
//
// Register: a register's offset and width as a type, so that an access of the wrong width does not
// compile. A device names its own registers:
//
//     constexpr pci::Register<std::uint32_t, 0x10> status{};
//     if (status.matches(offset, size)) return status_;
#pragma once

#include <cstdint>

namespace bellwire::pci {

template <class T, std::uint64_t At>
struct Register {
  using Value = T;
  static constexpr std::uint64_t offset = At;
  static constexpr unsigned size = sizeof(T);

  /// Whether an access is one to exactly this register.
  [[nodiscard]] static constexpr bool matches(std::uint64_t at, unsigned bytes) noexcept {
    return at == offset && bytes == size;
  }
};

}  // namespace bellwire::pci
