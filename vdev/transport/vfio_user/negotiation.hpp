// SPDX-License-Identifier: BSD-3-Clause
//
// Negotiation: VFIO_USER_VERSION, by which both sides agree on a version and tell each other what
// they can take, as JSON.
#pragma once

#include "vdev/transport/vfio_user/framing.hpp"

namespace bellwire::vfio_user {

/// What one side can take; at first what it has if it doesn't say.
struct Capabilities {
  std::uint64_t max_msg_fds = 1;
  std::uint64_t max_data_xfer_size = 1 << 20;
  std::uint64_t pgsizes = page_size;
  bool write_multiple = false;
};

/// What we can take.
constexpr Capabilities own_capabilities{.max_msg_fds = most_message_fds,
                                        .max_data_xfer_size = most_transfer,
                                        .pgsizes = page_size,
                                        .write_multiple = true};

/// What a payload of VFIO_USER_VERSION tells. EINVAL: a version that is not ours, or JSON that is
/// none or means nothing. A side that takes less data than a page in a message is refused, too.
[[nodiscard]] Result<Capabilities> read_version(std::span<const std::byte> payload);

/// The payload that tells ours.
[[nodiscard]] Bytes write_version();

}  // namespace bellwire::vfio_user
