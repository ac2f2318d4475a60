// SPDX-License-Identifier: BSD-3-Clause
//
// CRC-32C (Castagnoli), as iSCSI has it (RFC 3720, appendix B.4 has the test values).
#pragma once

#include <boost/crc.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

namespace bellwire {

inline std::uint32_t crc32c(std::span<const std::byte> bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return static_cast<std::uint32_t>(crc.checksum());
}

}  // namespace bellwire
