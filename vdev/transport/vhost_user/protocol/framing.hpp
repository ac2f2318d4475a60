// SPDX-License-Identifier: BSD-3-Clause
//
// vhost-user's messages on a socket: what os/framing.hpp reads and writes, with this protocol's
// header. Either side, either socket. One thread.
#pragma once

#include <span>
#include <vector>

#include "vdev/os/framing.hpp"
#include "vdev/transport/vhost_user/protocol/protocol.hpp"

namespace bellwire::vhost_user {

using os::append;
using os::Bytes;
using os::FrameWriter;
using os::head;
using os::Outgoing;

struct Message {
  Header header{};
  Bytes payload;
  std::vector<os::UniqueFd> fds;

  [[nodiscard]] bool reply() const noexcept { return (header.flags & flags::reply) != 0; }
  [[nodiscard]] bool needs_reply() const noexcept {
    return (header.flags & flags::need_reply) != 0;
  }
};

/// A whole request: the version is added to `with`.
[[nodiscard]] Bytes pack(Request request, std::span<const std::byte> payload,
                         std::uint32_t with = 0);
[[nodiscard]] Bytes pack(BackendRequest request, std::span<const std::byte> payload,
                         std::uint32_t with = 0);

/// A request whose payload is one value.
template <class T>
requires(!std::convertible_to<T, std::span<const std::byte>>) [[nodiscard]] Bytes
    pack(Request request, const T& value, std::uint32_t with = 0) {
  return pack(request, std::as_bytes(std::span(&value, 1)), with);
}

/// The answer to a request of that number: its flags are exactly version and reply.
[[nodiscard]] Bytes pack_reply(std::uint32_t request, std::span<const std::byte> payload);

template <class T>
requires(!std::convertible_to<T, std::span<const std::byte>>) [[nodiscard]] Bytes
    pack_reply(std::uint32_t request, const T& value) {
  return pack_reply(request, std::as_bytes(std::span(&value, 1)));
}

/// The size of the payload behind a header. EPROTO: another version, or longer than any message.
[[nodiscard]] Result<std::size_t> payload_size(const Header& header);

using FrameReader = os::FrameReader<Message, &payload_size>;

}  // namespace bellwire::vhost_user
