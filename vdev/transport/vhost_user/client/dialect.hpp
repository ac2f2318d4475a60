// SPDX-License-Identifier: BSD-3-Clause
//
// Dialects: the order and the flags in which well-known front-ends send their messages, as tables.
// A step that needs a feature which the back-end doesn't offer is skipped, as those programs do.
//
// Sources: QEMU 7.2 and 8.0, hw/virtio/{vhost,vhost-user}.c, hw/block/vhost-user-blk.c; DPDK 22.11,
// drivers/net/virtio/virtio_user/; libblkio's virtio-driver, src/vhost_user.rs. SET_FEATURES of
// all of them acknowledges bit 30.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "vdev/transport/vhost_user/protocol/protocol.hpp"

namespace bellwire::vhost_user {

/// What a front-end does to the device, in the order that its dialect says.
enum class Step : std::uint8_t {
  get_features,
  get_protocol_features,
  set_protocol_features,
  get_queue_num,
  get_max_mem_slots,
  set_backend_req_fd,
  set_owner,
  first_calls,  ///< SET_VRING_CALL of every ring, before anything else of it
  get_config,
  get_inflight_fd,
  set_inflight_fd,
  set_features,
  features_ok,  ///< GET_STATUS, SET_STATUS with FEATURES_OK
  memory,       ///< as a table or by slots
  rings,        ///< the dialect's ring steps, ring by ring
  enable,       ///< SET_VRING_ENABLE of every ring
  driver_ok,    ///< GET_STATUS, SET_STATUS with ACKNOWLEDGE, DRIVER and DRIVER_OK
};

/// What it does to a ring.
enum class RingStep : std::uint8_t { num, base, addr, kick, call, enable };

struct Dialect {
  std::string_view name;     ///< as --dialect takes it
  std::string_view program;  ///< whose it is
  std::span<const Step> steps;
  std::span<const RingStep> ring_steps;
  std::uint64_t protocol_features;  ///< those that it knows
  /// The messages that ask for an acknowledgement, once REPLY_ACK is negotiated; empty: all.
  std::span<const Request> acknowledged;
  bool memory_by_slots;  ///< if the back-end has them; otherwise always a table
  bool one_address;      ///< guest addresses are user addresses, beyond 2^46
  bool removes_with_fd;  ///< REM_MEM_REG comes with a descriptor
};

/// All of them.
[[nodiscard]] std::span<const Dialect> dialects() noexcept;

/// Null: there is none of that name.
[[nodiscard]] const Dialect* dialect_of(std::string_view name) noexcept;

}  // namespace bellwire::vhost_user
