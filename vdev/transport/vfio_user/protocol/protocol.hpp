// SPDX-License-Identifier: BSD-3-Clause
//
// The messages of vfio-user, version 0.0, as they are on the socket, in the byte order of the
// machine. Names and fields are those of the specification; structures that it shares with the
// kernel's vfio are in <linux/vfio.h>. Source: QEMU, docs/interop/vfio-user.rst.
#pragma once

#include <linux/vfio.h>

#include <cstddef>
#include <cstdint>

namespace bellwire::vfio_user {

constexpr std::uint16_t protocol_major = 0;
constexpr std::uint16_t protocol_minor = 0;
constexpr std::size_t most_message_fds = 16;      // QEMU accepts no more
constexpr std::uint64_t most_transfer = 1 << 20;  // bytes of data in a message: the default
constexpr std::size_t most_version_data = 4096;   // bytes of JSON
constexpr std::uint64_t page_size = 4096;
/// The most bytes of data in our DMA messages: QEMU 11.1 stalls at one that does not fit in the
/// socket.
constexpr std::uint64_t most_dma_transfer = 1 << 16;

enum class Command : std::uint16_t {
  version = 1,
  dma_map = 2,
  dma_unmap = 3,
  device_get_info = 4,
  device_get_region_info = 5,
  device_get_region_io_fds = 6,
  device_get_irq_info = 7,
  device_set_irqs = 8,
  region_read = 9,
  region_write = 10,
  dma_read = 11,  // this one and the next: from server to client
  dma_write = 12,
  device_reset = 13,
  dirty_pages = 14,  // of an earlier draft
  region_write_multi = 15,
  device_feature = 16,
  mig_data_read = 17,
  mig_data_write = 18,
};

struct Header {
  std::uint16_t id;
  std::uint16_t command;
  std::uint32_t size;  // of the whole message
  std::uint32_t flags;
  std::uint32_t error;  // an errno, in a reply that has flags::error
};
static_assert(sizeof(Header) == 16);

namespace flags {
constexpr std::uint32_t type = 0xF;  // a mask; a request is 0
constexpr std::uint32_t reply = 0x1;
constexpr std::uint32_t no_reply = 1 << 4;
constexpr std::uint32_t error = 1 << 5;
}  // namespace flags

struct Version {  // followed by JSON, NUL at its end
  std::uint16_t major;
  std::uint16_t minor;
};
static_assert(sizeof(Version) == 4);

struct DmaMap {
  std::uint32_t argsz;
  std::uint32_t flags;  // VFIO_DMA_MAP_FLAG_*
  std::uint64_t offset;
  std::uint64_t address;
  std::uint64_t size;
};
static_assert(sizeof(DmaMap) == 32);

struct DmaUnmap {
  std::uint32_t argsz;
  std::uint32_t flags;  // VFIO_DMA_UNMAP_FLAG_*
  std::uint64_t address;
  std::uint64_t size;
};
static_assert(sizeof(DmaUnmap) == 24);

struct DeviceInfo {
  std::uint32_t argsz;
  std::uint32_t flags;  // VFIO_DEVICE_FLAGS_*
  std::uint32_t num_regions;
  std::uint32_t num_irqs;
};
static_assert(sizeof(DeviceInfo) == 16);

struct RegionIoFds {  // followed by `count` sub-regions
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t index;
  std::uint32_t count;
};
static_assert(sizeof(RegionIoFds) == 16);

struct IoEventFd {
  static constexpr std::uint32_t type_ioeventfd = 0;
  std::uint64_t offset;
  std::uint64_t size;
  std::uint32_t fd_index;
  std::uint32_t type;
  std::uint32_t flags;  // KVM_IOEVENTFD_FLAG_*
  std::uint32_t padding;
  std::uint64_t datamatch;
};
static_assert(sizeof(IoEventFd) == 40);

struct IrqSet {  // vfio_irq_set, without its data
  std::uint32_t argsz;
  std::uint32_t flags;  // VFIO_IRQ_SET_*
  std::uint32_t index;
  std::uint32_t start;
  std::uint32_t count;
};
static_assert(sizeof(IrqSet) == sizeof(vfio_irq_set));

struct RegionAccess {  // followed by `count` bytes, in a write and in a read's reply
  std::uint64_t offset;
  std::uint32_t region;  // VFIO_PCI_*_REGION_INDEX
  std::uint32_t count;
};
static_assert(sizeof(RegionAccess) == 16);

struct WriteMulti {  // followed by `count` writes
  std::uint64_t count;
};
static_assert(sizeof(WriteMulti) == 8);

struct SmallWrite {
  RegionAccess access;  // of up to 8 bytes
  std::byte data[8];
};
static_assert(sizeof(SmallWrite) == 24);

struct DmaAccess {  // followed by `count` bytes, in a write and in a read's reply
  std::uint64_t address;
  std::uint64_t count;
};
static_assert(sizeof(DmaAccess) == 16);

static_assert(sizeof(vfio_region_info) == 32 && sizeof(vfio_irq_info) == 16);

/// The longest valid message.
constexpr std::size_t most_message = sizeof(Header) + sizeof(RegionAccess) + most_transfer;

}  // namespace bellwire::vfio_user
