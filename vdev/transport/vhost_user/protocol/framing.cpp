// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/protocol/framing.hpp"

namespace bellwire::vhost_user {
namespace {

Bytes whole(std::uint32_t request, std::uint32_t flags, std::span<const std::byte> payload) {
  Bytes bytes;
  bytes.reserve(sizeof(Header) + payload.size());
  append(bytes, Header{request, flags, static_cast<std::uint32_t>(payload.size())});
  append(bytes, payload);
  return bytes;
}

}  // namespace

Bytes pack(Request request, std::span<const std::byte> payload, std::uint32_t with) {
  return whole(static_cast<std::uint32_t>(request), flags::version | with, payload);
}

Bytes pack(BackendRequest request, std::span<const std::byte> payload, std::uint32_t with) {
  return whole(static_cast<std::uint32_t>(request), flags::version | with, payload);
}

Bytes pack_reply(std::uint32_t request, std::span<const std::byte> payload) {
  return whole(request, flags::version | flags::reply, payload);
}

Result<std::size_t> payload_size(const Header& header) {
  if ((header.flags & flags::version_mask) != flags::version)
    return fault(std::errc::protocol_error, "flags {:#x}: version {}, not {}", header.flags,
                 header.flags & flags::version_mask, flags::version);
  if (header.size > most_payload)
    return fault(std::errc::protocol_error, "a payload of {} bytes: the longest has {}",
                 header.size, most_payload);
  return header.size;
}

}  // namespace bellwire::vhost_user
