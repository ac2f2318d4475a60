// SPDX-License-Identifier: BSD-3-Clause
//
// What both layouts of the driver's side of a virtqueue have in common: buffers, tokens, and the
// memory for indirect tables. One thread at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "vdev/virtio/ring_areas.hpp"

namespace bellwire::virtio {

/// Bytes of the guest's memory.
struct GuestBuffer {
  std::uint64_t address = 0;
  std::uint32_t size = 0;
};

/// Where a driver puts indirect tables: one per entry of the queue, each of `entries` descriptors
/// of 16 bytes.
struct IndirectTables {
  std::uint64_t address = 0;
  std::uint16_t entries = 0;  ///< 0: none
};

/// A chain that came back.
struct UsedChain {
  std::uint64_t token = 0;
  std::uint32_t written = 0;  ///< bytes, as the device says; never more than it may write
};

struct DriverRingState {
  std::uint16_t free = 0;       // descriptors of the ring
  std::uint16_t in_flight = 0;  // chains
  RingError error = {};
};

/// A chain that the device has, by its ID.
struct ChainInFlight {
  std::uint64_t token = 0;
  std::uint64_t writable_size = 0;
  std::uint16_t descriptors = 0;  // of the ring; 0: nothing is in flight with this ID
  std::uint16_t next_free = 0;    // packed: the next free ID; split: the chain's last descriptor
};

/// The tables, mapped.
struct MappedTables {
  MemoryView bytes;
  IndirectTables at;
};

}  // namespace bellwire::virtio
