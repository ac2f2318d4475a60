// SPDX-License-Identifier: BSD-3-Clause
//
// The messages of vhost-user, as they are on the socket, in the byte order of the machine.
// Structures that the protocol shares with the kernel's vhost are in <linux/vhost_types.h>. All
// sizes are in bytes. Source: QEMU, docs/interop/vhost-user.rst; the sections are named there.
#pragma once

#ifndef VIRTIO_RING_NO_LEGACY  // the kernel's header has functions for these that are no C++
#define VIRTIO_RING_NO_LEGACY
#endif
#include <linux/vhost_types.h>

#include <cstddef>
#include <cstdint>

namespace bellwire::vhost_user {

/// Header: before every message of either side.
struct Header {
  std::uint32_t request;
  std::uint32_t flags;
  std::uint32_t size;  // of the payload
};
static_assert(sizeof(Header) == 12);

namespace flags {
constexpr std::uint32_t version_mask = 0x3;
constexpr std::uint32_t version = 0x1;
constexpr std::uint32_t reply = 1 << 2;
constexpr std::uint32_t need_reply = 1 << 3;  // only with feature::reply_ack
}  // namespace flags

/// Front-end message types.
enum class Request : std::uint32_t {
  get_features = 1,
  set_features = 2,
  set_owner = 3,
  reset_owner = 4,
  set_mem_table = 5,
  set_log_base = 6,
  set_log_fd = 7,
  set_vring_num = 8,
  set_vring_addr = 9,
  set_vring_base = 10,
  get_vring_base = 11,
  set_vring_kick = 12,
  set_vring_call = 13,
  set_vring_err = 14,
  get_protocol_features = 15,
  set_protocol_features = 16,
  get_queue_num = 17,
  set_vring_enable = 18,
  send_rarp = 19,
  net_set_mtu = 20,
  set_backend_req_fd = 21,
  iotlb_msg = 22,
  set_vring_endian = 23,
  get_config = 24,
  set_config = 25,
  create_crypto_session = 26,
  close_crypto_session = 27,
  postcopy_advise = 28,
  postcopy_listen = 29,
  postcopy_end = 30,
  get_inflight_fd = 31,
  set_inflight_fd = 32,
  gpu_set_socket = 33,
  reset_device = 34,
  vring_kick = 35,
  get_max_mem_slots = 36,
  add_mem_reg = 37,
  rem_mem_reg = 38,
  set_status = 39,
  get_status = 40,
  get_shared_object = 41,
  set_device_state_fd = 42,
  check_device_state = 43,
  get_shmem_config = 44,
  get_vring_base_skip_drain = 45,
};

/// Back-end message types: sent by the back-end on the socket of set_backend_req_fd only.
enum class BackendRequest : std::uint32_t {
  iotlb_msg = 1,
  config_change_msg = 2,
  vring_host_notifier_msg = 3,
  vring_call = 4,
  vring_err = 5,
  shared_object_add = 6,
  shared_object_remove = 7,
  shared_object_lookup = 8,
  shmem_map = 9,
  shmem_unmap = 10,
};

/// VHOST_USER_F_PROTOCOL_FEATURES: the bit of the device's features that offers protocol features.
constexpr unsigned f_protocol_features = 30;

/// Protocol features: numbers of bits.
namespace feature {
constexpr unsigned mq = 0;
constexpr unsigned log_shmfd = 1;
constexpr unsigned rarp = 2;
constexpr unsigned reply_ack = 3;
constexpr unsigned mtu = 4;
constexpr unsigned backend_req = 5;
constexpr unsigned cross_endian = 6;
constexpr unsigned crypto_session = 7;
constexpr unsigned pagefault = 8;
constexpr unsigned config = 9;
constexpr unsigned backend_send_fd = 10;
constexpr unsigned host_notifier = 11;
constexpr unsigned inflight_shmfd = 12;
constexpr unsigned reset_device = 13;
constexpr unsigned inband_notifications = 14;
constexpr unsigned configure_mem_slots = 15;
constexpr unsigned status = 16;
constexpr unsigned xen_mmap = 17;
constexpr unsigned shared_object = 18;
constexpr unsigned device_state = 19;
constexpr unsigned get_vring_base_inflight = 20;
constexpr unsigned gpa_addresses = 21;
constexpr unsigned shmem = 22;
constexpr unsigned get_vring_base_skip_drain = 23;
}  // namespace feature

/// The value of a bit, of features and of protocol features.
[[nodiscard]] constexpr std::uint64_t bit(unsigned number) noexcept {
  return std::uint64_t{1} << number;
}

// Payloads. Most requests have a u64, a vhost_vring_state (index, num), a vhost_vring_addr or none.

static_assert(sizeof(vhost_vring_state) == 8 && sizeof(vhost_vring_addr) == 40);
static_assert(sizeof(vhost_iotlb_msg) == 32);

/// In the u64 of set_vring_kick, set_vring_call and set_vring_err.
namespace vring {
constexpr std::uint64_t index_mask = 0xFF;
constexpr std::uint64_t no_fd = 1 << 8;  // no descriptor comes with the message
}  // namespace vring

/// The num of vhost_vring_state in set_vring_base and get_vring_base's answer. Split: the next
/// index of the available ring in bits 0-15. Packed: also wrap counters, and the used index.
namespace base {
constexpr std::uint32_t index_mask = 0x7FFF;  // packed; of the used index, shifted
constexpr std::uint32_t available_wrap = 1 << 15;
constexpr unsigned used_shift = 16;
constexpr std::uint32_t used_wrap = std::uint32_t{1} << 31;
}  // namespace base

/// Memory region description.
struct MemoryRegion {
  std::uint64_t guest_address;
  std::uint64_t size;
  std::uint64_t user_address;
  std::uint64_t mmap_offset;  // of the region in its file
};
static_assert(sizeof(MemoryRegion) == 32);

constexpr std::size_t most_regions = 8;  // of one set_mem_table

/// Multiple memory regions description. Front-ends send `num_regions` of the regions or all eight.
struct MemoryTable {
  std::uint32_t num_regions;
  std::uint32_t padding;
  MemoryRegion regions[most_regions];
};
static_assert(sizeof(MemoryTable) == 8 + most_regions * sizeof(MemoryRegion));

/// Single memory region description, of add_mem_reg and rem_mem_reg.
struct SingleRegion {
  std::uint64_t padding;
  MemoryRegion region;
};
static_assert(sizeof(SingleRegion) == 40);

/// Log description, of set_log_base with feature::log_shmfd; without, it has a u64.
struct Log {
  std::uint64_t size;
  std::uint64_t offset;  // in the file: where the log of guest address 0 is
};
static_assert(sizeof(Log) == 16);

constexpr std::uint64_t log_page = 0x1000;  // a bit of the log per so many bytes of guest memory

/// Virtio device config space, followed by `size` bytes.
struct ConfigAccess {
  static constexpr std::uint32_t writable = 0;   // flags: of the fields that a driver may write
  static constexpr std::uint32_t migration = 1;  // all fields
  std::uint32_t offset;
  std::uint32_t size;
  std::uint32_t flags;
};
static_assert(sizeof(ConfigAccess) == 12);

constexpr std::size_t most_config = 256;  // bytes that one message reads or writes

/// Vring area description, of BackendRequest::vring_host_notifier_msg.
struct VringArea {
  std::uint64_t index;  // and flags, as vring:: says
  std::uint64_t size;
  std::uint64_t offset;
};
static_assert(sizeof(VringArea) == 24);

/// Inflight description. 20 bytes have a meaning; QEMU, DPDK and rust-vmm send the C structure's
/// 24, and QEMU insists that an answer is as long as its request.
struct Inflight {
  std::uint64_t mmap_size;  // 0 in a request: none yet
  std::uint64_t mmap_offset;
  std::uint16_t num_queues;
  std::uint16_t queue_size;
  std::uint32_t padding;
};
static_assert(sizeof(Inflight) == 24);

constexpr std::size_t least_inflight = 20;

/// VhostUserShared: a UUID.
struct SharedObject {
  std::uint8_t uuid[16];
};
static_assert(sizeof(SharedObject) == 16);

/// Device state transfer parameters.
struct DeviceStateTransfer {
  std::uint32_t direction;  // 0: save, 1: load
  std::uint32_t phase;      // 0: stopped
};
static_assert(sizeof(DeviceStateTransfer) == 8);

/// MMAP request, of BackendRequest::shmem_map and shmem_unmap.
struct MapRequest {
  std::uint8_t shmid;
  std::uint8_t padding[7];
  std::uint64_t fd_offset;
  std::uint64_t shm_offset;
  std::uint64_t size;
  std::uint64_t flags;  // 1: writable
};
static_assert(sizeof(MapRequest) == 40);

/// VIRTIO Shared Memory Region configuration.
struct ShmemConfig {
  std::uint32_t num_regions;
  std::uint32_t padding;
  std::uint64_t sizes[256];  // by shmid
};
static_assert(sizeof(ShmemConfig) == 2056);

/// The longest payload that we know: more is not a message.
constexpr std::size_t most_payload = sizeof(ShmemConfig);

/// The most descriptors of one message, of either side.
constexpr std::size_t most_message_fds = 8;

}  // namespace bellwire::vhost_user
