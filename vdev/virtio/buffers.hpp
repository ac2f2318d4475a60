// SPDX-License-Identifier: BSD-3-Clause
//
// Bytes across the buffers of a request: how a driver splits them means nothing (virtio 1.2,
// section 2.7.4). Offsets are in the buffers as if they were one. Any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace bellwire::virtio {

/// Calls take(part) for each piece of `size` bytes from `offset` on, as far as there are so many,
/// until it returns false.
template <class Byte, class Take>
void each_part(std::span<const std::span<Byte>> buffers, std::uint64_t offset, std::uint64_t size,
               Take take) {
  for (const auto& buffer : buffers) {
    if (offset >= buffer.size()) {
      offset -= buffer.size();
      continue;
    }
    if (size == 0) return;
    const auto part = buffer.subspan(offset, std::min<std::uint64_t>(size, buffer.size() - offset));
    if (!take(part)) return;
    size -= part.size();
    offset = 0;
  }
}

/// Copies from readable buffers; returns how many bytes there were.
inline std::size_t copy_from(std::span<const std::span<const std::byte>> buffers,
                             std::uint64_t offset, std::span<std::byte> into) {
  std::size_t copied = 0;
  each_part(buffers, offset, into.size(), [&](std::span<const std::byte> part) {
    std::memcpy(into.data() + copied, part.data(), part.size());
    copied += part.size();
    return true;
  });
  return copied;
}

/// Copies to writable buffers; returns for how many bytes there was room.
inline std::size_t copy_to(std::span<const std::span<std::byte>> buffers, std::uint64_t offset,
                           std::span<const std::byte> from) {
  std::size_t copied = 0;
  each_part(buffers, offset, from.size(), [&](std::span<std::byte> part) {
    std::memcpy(part.data(), from.data() + copied, part.size());
    copied += part.size();
    return true;
  });
  return copied;
}

}  // namespace bellwire::virtio
