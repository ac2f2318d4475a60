// SPDX-License-Identifier: BSD-3-Clause
//
// vfio-user's messages on a socket: what os/framing.hpp reads and writes, with this protocol's
// header. One thread.
#pragma once

#include <span>
#include <vector>

#include "vdev/os/framing.hpp"
#include "vdev/transport/vfio_user/protocol/protocol.hpp"

namespace bellwire::vfio_user {

using os::append;
using os::Bytes;
using os::FrameWriter;
using os::head;
using os::Outgoing;

struct Message {
  Header header{};
  Bytes payload;
  std::vector<os::UniqueFd> fds;

  [[nodiscard]] bool reply() const noexcept { return (header.flags & flags::type) == flags::reply; }
};

/// The header of a command.
[[nodiscard]] constexpr Header command_header(Command command, std::uint16_t id,
                                              std::uint32_t with = 0) noexcept {
  return {id, static_cast<std::uint16_t>(command), 0, with, 0};
}

/// A whole message, with the header's size filled in.
[[nodiscard]] Bytes pack(Header header, std::span<const std::byte> payload);

/// The size of the payload behind a header. EPROTO: no message begins like this.
[[nodiscard]] Result<std::size_t> payload_size(const Header& header);

using FrameReader = os::FrameReader<Message, &payload_size>;

}  // namespace bellwire::vfio_user
