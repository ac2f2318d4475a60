// SPDX-License-Identifier: BSD-3-Clause
//
// The format of a request to a virtio disk, whatever buffers it is in: a header of 16 bytes, data
// to write; then data to read, and the status as the last byte. Any thread.
// Source: virtio 1.2, section 5.2.6.
#pragma once

#include <linux/virtio_blk.h>

#include <optional>

#include "vdev/virtio/buffers.hpp"
#include "vdev/virtio/request.hpp"

namespace bellwire::blk {

constexpr std::uint32_t sector_size = 512;
constexpr std::uint64_t header_size = sizeof(virtio_blk_outhdr);
static_assert(header_size == 16);

/// Bytes of data that the driver has for the device to read, and to write.
[[nodiscard]] inline std::uint64_t readable_data(const virtio::Request& request) noexcept {
  return request.readable_size() - header_size;
}
[[nodiscard]] inline std::uint64_t writable_data(const virtio::Request& request) noexcept {
  return request.writable_size() - 1;
}

/// Empty: there is not even a header, or no byte for the status.
[[nodiscard]] inline std::optional<virtio_blk_outhdr> read_header(const virtio::Request& request) {
  if (request.readable_size() < header_size || request.writable_size() == 0) return std::nullopt;
  virtio_blk_outhdr header;
  (void)virtio::copy_from(request.readable(), 0, std::as_writable_bytes(std::span(&header, 1)));
  return header;
}

/// Writes the status, if there is a byte for it, and completes the request. `data`: bytes at the
/// beginning of the writable buffers that were written; the status counts as written only if
/// nothing between was left out.
inline void finish(virtio::Request request, unsigned status, std::uint64_t data) noexcept {
  if (request.writable_size() == 0) return std::move(request).complete(0);
  request.writable().back().back() = static_cast<std::byte>(status);
  const bool all = data == writable_data(request);
  std::move(request).complete(static_cast<std::uint32_t>(data + (all ? 1 : 0)));
}

}  // namespace bellwire::blk
