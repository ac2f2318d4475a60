// SPDX-License-Identifier: BSD-3-Clause
//
// The messages of the ivshmem server: 8 bytes, little endian, signed, with at most one descriptor.
// Source: QEMU, docs/specs/ivshmem-spec.rst; docs/semantics.md, 41 to 46.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "vdev/os/result.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bellwire::ivshmem {

using Id = std::uint16_t;

constexpr std::int64_t protocol_version = 0;
constexpr std::int64_t memory_marker = -1;
constexpr std::int64_t largest_id = 65535;

struct Message {
  std::int64_t value = 0;
  os::UniqueFd fd;
};

/// `fd` -1: none. False: the socket is full, nothing was sent.
[[nodiscard]] Result<bool> send(int socket, std::int64_t value, int fd = -1);

/// Puts messages together from a stream that may be cut anywhere.
class Reader {
 public:
  /// Empty when no whole message waits. ECONNRESET: the other side closed.
  [[nodiscard]] Result<std::optional<Message>> next(int socket);

 private:
  std::array<std::byte, sizeof(std::int64_t)> bytes_{};
  std::size_t filled_ = 0;
  os::UniqueFd fd_;
};

}  // namespace bellwire::ivshmem
