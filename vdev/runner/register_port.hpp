// SPDX-License-Identifier: BSD-3-Clause
//
// RegisterPort: lets a guest's thread use a device's registers, which only the device's own thread
// may touch: each access is carried out there, and the caller waits for it.
//
// Registers that do not exist read as zero and ignore writes; so do all registers once the context
// has stopped.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>

#include "vdev/core/device.hpp"

namespace bellwire {

class RegisterPort {
 public:
  /// `context` runs the device; both must outlive the port. `registers` may be null.
  RegisterPort(boost::asio::io_context& context, RegisterBlock* registers) noexcept
      : context_(context), registers_(registers) {}

  /// Never from the context's own thread.
  [[nodiscard]] std::uint64_t read(std::uint64_t offset, unsigned size) const;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) const;

 private:
  boost::asio::io_context& context_;
  RegisterBlock* registers_;
};

}  // namespace bellwire
