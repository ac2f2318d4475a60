// SPDX-License-Identifier: BSD-3-Clause
//
// What both layouts of the driver's side of a virtqueue have in common: buffers, chains in flight,
// and the memory for indirect tables. One thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "vdev/virtio/ring_areas.hpp"
#include "vdev/virtio/ring_words.hpp"

namespace bellwire::virtio {

/// Bytes of the guest's memory.
struct GuestBuffer {
  std::uint64_t address = 0;
  std::uint32_t size = 0;
};

/// Bytes, or the most that a device can report.
[[nodiscard]] inline std::uint32_t size_of(std::span<const GuestBuffer> buffers) noexcept {
  std::uint64_t size = 0;
  for (const auto& buffer : buffers) size += buffer.size;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(size, UINT32_MAX));
}

/// Where a driver puts indirect tables: one per entry of the queue, each of `entries` descriptors
/// of 16 bytes. Aligned to 16.
struct IndirectTables {
  std::uint64_t address = 0;
  std::uint16_t entries = 0;  ///< 0: there are none
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

/// A chain that the device has. Two words, so that it is found by a shift.
struct ChainInFlight {
  std::uint64_t token = 0;
  std::uint32_t writable_size = 0;
  std::uint16_t descriptors = 0;  // of the ring; 0: it is not in flight
};

/// The tables, mapped.
class DriverTables {
 public:
  DriverTables() = default;
  /// EFAULT: they are not within one mapped region, or not aligned.
  [[nodiscard]] static Result<DriverTables> map(const IndirectTables& tables,
                                                const QueueLayout& layout, const DmaSpace& memory);

  /// Whether a chain of so many buffers is put into a table.
  [[nodiscard]] bool take(std::size_t buffers) const noexcept {
    return buffers > 1 && buffers <= at_.entries;
  }

  struct Table {
    std::uint64_t address;
    std::byte* entries;
  };
  [[nodiscard]] Table of(std::uint16_t chain) const noexcept {
    const auto offset = std::size_t{chain} * at_.entries * sizeof(vring_desc);
    return {at_.address + offset, view_.bytes().data() + offset};
  }

 private:
  DriverTables(MemoryView view, IndirectTables at) noexcept : view_(std::move(view)), at_(at) {}
  MemoryView view_;
  IndirectTables at_;
};

}  // namespace bellwire::virtio
