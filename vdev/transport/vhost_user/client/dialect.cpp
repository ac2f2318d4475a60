// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/client/dialect.hpp"

#include <algorithm>
#include <array>

namespace bellwire::vhost_user {
namespace {

using enum Step;

// What this front-end can play: no notifications in band, no page faults, no crypto sessions.
constexpr std::uint64_t old_features =
    bit(feature::mq) | bit(feature::log_shmfd) | bit(feature::reply_ack) |
    bit(feature::backend_req) | bit(feature::config) | bit(feature::inflight_shmfd) |
    bit(feature::reset_device) | bit(feature::configure_mem_slots);

constexpr std::array qemu_7_steps = {get_features,
                                     get_protocol_features,
                                     set_protocol_features,
                                     get_queue_num,
                                     get_max_mem_slots,
                                     set_backend_req_fd,
                                     set_owner,
                                     get_features,
                                     first_calls,
                                     get_config,
                                     get_inflight_fd,
                                     set_inflight_fd,
                                     set_features,
                                     memory,
                                     rings,
                                     enable};

constexpr std::array qemu_8_steps = {get_features,
                                     get_protocol_features,
                                     set_protocol_features,
                                     get_queue_num,
                                     get_max_mem_slots,
                                     set_backend_req_fd,
                                     set_owner,
                                     get_features,
                                     first_calls,
                                     get_config,
                                     get_inflight_fd,
                                     set_inflight_fd,
                                     set_features,
                                     features_ok,
                                     memory,
                                     rings,
                                     enable,
                                     driver_ok};

constexpr std::array qemu_ring = {RingStep::num, RingStep::base, RingStep::addr, RingStep::kick,
                                  RingStep::call};

constexpr std::array qemu_acknowledged = {Request::set_mem_table, Request::add_mem_reg,
                                          Request::rem_mem_reg, Request::set_backend_req_fd,
                                          Request::set_config};

constexpr std::array virtio_user_steps = {set_owner,
                                          get_features,
                                          get_protocol_features,
                                          set_protocol_features,
                                          get_queue_num,
                                          first_calls,
                                          set_features,
                                          features_ok,
                                          memory,
                                          rings,
                                          enable,
                                          driver_ok};

constexpr std::array virtio_user_ring = {RingStep::num, RingStep::base, RingStep::addr,
                                         RingStep::kick};

constexpr std::array virtio_user_acknowledged = {Request::set_mem_table, Request::set_status};

constexpr std::array libblkio_steps = {set_owner,
                                       get_features,
                                       set_features,
                                       get_protocol_features,
                                       set_protocol_features,
                                       get_queue_num,
                                       get_max_mem_slots,
                                       get_config,
                                       memory,
                                       rings};

constexpr std::array libblkio_ring = {RingStep::num,  RingStep::base, RingStep::addr,
                                      RingStep::kick, RingStep::call, RingStep::enable};

constexpr std::array all_dialects = {
    Dialect{.name = "qemu-7.2",
            .program = "QEMU 7.2",
            .steps = qemu_7_steps,
            .ring_steps = qemu_ring,
            .protocol_features = old_features,
            .acknowledged = qemu_acknowledged,
            .memory_by_slots = true,
            .one_address = false,
            .removes_with_fd = true},
    Dialect{.name = "qemu-8",
            .program = "QEMU 8.0 and later",
            .steps = qemu_8_steps,
            .ring_steps = qemu_ring,
            .protocol_features = old_features | bit(feature::status),
            .acknowledged = qemu_acknowledged,
            .memory_by_slots = true,
            .one_address = false,
            .removes_with_fd = false},
    Dialect{.name = "virtio-user",
            .program = "DPDK's virtio_user",
            .steps = virtio_user_steps,
            .ring_steps = virtio_user_ring,
            .protocol_features = bit(feature::mq) | bit(feature::reply_ack) | bit(feature::status),
            .acknowledged = virtio_user_acknowledged,
            .memory_by_slots = false,
            .one_address = true,
            .removes_with_fd = false},
    Dialect{.name = "libblkio",
            .program = "libblkio",
            .steps = libblkio_steps,
            .ring_steps = libblkio_ring,
            .protocol_features = bit(feature::mq) | bit(feature::reply_ack) | bit(feature::config) |
                                 bit(feature::configure_mem_slots),
            .acknowledged = {},
            .memory_by_slots = true,
            .one_address = true,
            .removes_with_fd = true},
};

}  // namespace

std::span<const Dialect> dialects() noexcept {
  return all_dialects;
}

const Dialect* dialect_of(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(all_dialects, name, &Dialect::name);
  return found == all_dialects.end() ? nullptr : found;
}

}  // namespace bellwire::vhost_user
