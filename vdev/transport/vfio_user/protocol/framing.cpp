// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/protocol/framing.hpp"

namespace bellwire::vfio_user {

Bytes pack(Header header, std::span<const std::byte> payload) {
  Bytes bytes;
  header.size = static_cast<std::uint32_t>(sizeof header + payload.size());
  bytes.reserve(header.size);
  append(bytes, header);
  append(bytes, payload);
  return bytes;
}

Result<std::size_t> payload_size(const Header& header) {
  if (header.size < sizeof(Header) || header.size > most_message)
    return fault(std::errc::protocol_error, "a message of {} bytes; messages have {} to {}",
                 header.size, sizeof(Header), most_message);
  if ((header.flags & flags::type) > flags::reply)
    return fault(std::errc::protocol_error, "flags {:#x}: neither a request nor a reply",
                 header.flags);
  return header.size - sizeof(Header);
}

}  // namespace bellwire::vfio_user
