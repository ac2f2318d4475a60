// SPDX-License-Identifier: BSD-3-Clause
//
// DirtyLog: a bit for each page of guest memory that the device has written, in memory that the
// front-end shares while it migrates its VM. The front-end clears the bits, so they are set
// atomically. On the device's thread.
// Source: vhost-user, "Migration"; docs/semantics.md, 74.
#pragma once

#include <cstdint>
#include <memory>

#include "vdev/core/attachment.hpp"
#include "vdev/transport/vhost_user/protocol/protocol.hpp"

namespace bellwire::vhost_user {

class DirtyLog {
 public:
  /// EINVAL: it is not in its file.
  [[nodiscard]] static Result<DirtyLog> create(int fd, const Log& where,
                                               std::shared_ptr<os::MemoryLoss> loss);

  /// `size` bytes at a guest address were written. Pages behind the log's end are left out.
  void mark(std::uint64_t address, std::uint64_t size) noexcept;

 private:
  explicit DirtyLog(MemoryView bits) noexcept : bits_(std::move(bits)) {}
  MemoryView bits_;
};

}  // namespace bellwire::vhost_user
