// SPDX-License-Identifier: BSD-3-Clause
//
// CRC-32C (Castagnoli), as iSCSI has it (RFC 3720, appendix B.4 has the test values). By the CPU's
// instruction where it has one. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace bellwire {

/// Of `bytes` behind those whose checksum is `before`.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes,
                                   std::uint32_t before = 0) noexcept;

namespace detail {

/// The same without the CPU's instruction.
[[nodiscard]] std::uint32_t crc32c_by_table(std::span<const std::byte> bytes,
                                            std::uint32_t before = 0) noexcept;

}  // namespace detail
}  // namespace bellwire
