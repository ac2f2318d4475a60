// SPDX-License-Identifier: BSD-3-Clause
//
// RegisterBlock: registers that a transport with trapped accesses forwards to the device.
#pragma once

#include <cstdint>

namespace bellwire {

class RegisterBlock {
 public:
  virtual ~RegisterBlock() = default;

  /// `offset` is within the block, `size` is 1, 2, 4 or 8 bytes. What the block doesn't have reads
  /// as zero, and writes to it are ignored. Called from the thread that runs the device.
  virtual std::uint64_t read(std::uint64_t offset, unsigned size) noexcept = 0;
  virtual void write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept = 0;
};

}  // namespace bellwire
