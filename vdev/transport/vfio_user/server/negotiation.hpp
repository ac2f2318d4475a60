// SPDX-License-Identifier: BSD-3-Clause
//
// Negotiation: VFIO_USER_VERSION, by which both sides agree on a version and exchange their limits,
// as JSON. Any thread.
#pragma once

#include "vdev/transport/vfio_user/protocol/framing.hpp"

namespace bellwire::vfio_user {

/// One side's limits, initially the protocol's defaults.
struct Capabilities {
  std::uint64_t max_msg_fds = 1;
  std::uint64_t max_data_xfer_size = 1 << 20;
  std::uint64_t pgsizes = page_size;
  bool write_multiple = false;
};

/// Our own limits.
constexpr Capabilities own_capabilities{.max_msg_fds = most_message_fds,
                                        .max_data_xfer_size = most_transfer,
                                        .pgsizes = page_size,
                                        .write_multiple = true};

/// Which capabilities a side named; a reply may name no others.
struct Named {
  bool max_msg_fds = false;
  bool max_data_xfer_size = false;
  bool pgsizes = false;
  bool write_multiple = false;
};
constexpr Named all_named{true, true, true, true};

struct Proposal {
  Capabilities capabilities;
  Named named;
};

/// Parses a payload of VFIO_USER_VERSION. EINVAL: a version other than ours, or version data that
/// is not JSON or has wrong types.
[[nodiscard]] Result<Proposal> read_version(std::span<const std::byte> payload);

/// The payload with our own limits, reduced to those that are `named`.
[[nodiscard]] Bytes write_version(const Named& named = all_named);

}  // namespace bellwire::vfio_user
