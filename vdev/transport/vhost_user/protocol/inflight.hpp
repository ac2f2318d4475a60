// SPDX-License-Identifier: BSD-3-Clause
//
// The inflight region: memory in which a back-end notes what it has taken from the rings and not
// returned yet. The front-end keeps it, and hands it to the back-end's next process. A queue's part
// is a header and an entry for each descriptor of the queue; the parts follow each other, each
// beginning at a multiple of 64 bytes (which only the back-end that made the region has to know).
// Source: QEMU, docs/interop/vhost-user.rst, "Inflight I/O tracking".
#pragma once

#include <cstddef>
#include <cstdint>

namespace bellwire::vhost_user {

constexpr std::uint16_t inflight_version = 1;  // 0: nothing has been written yet

struct SplitInflightEntry {
  std::uint8_t inflight;
  std::uint8_t padding[5];
  std::uint16_t next;     // of the last batch of used descriptors
  std::uint64_t counter;  // the order in which they were taken
};
static_assert(sizeof(SplitInflightEntry) == 16);

struct SplitInflightHeader {  // followed by the entries
  std::uint64_t features;     // 0
  std::uint16_t version;
  std::uint16_t desc_num;
  std::uint16_t last_batch_head;
  std::uint16_t used_idx;  // the used ring's, once the last batch is cleared
};
static_assert(sizeof(SplitInflightHeader) == 16);

struct PackedInflightEntry {
  std::uint8_t inflight;
  std::uint8_t padding;
  std::uint16_t next;  // free entry, or of the list
  std::uint16_t last;  // entry of the list
  std::uint16_t num;   // entries of the list
  std::uint64_t counter;
  std::uint16_t id;  // this one and the next three: the descriptor
  std::uint16_t flags;
  std::uint32_t len;
  std::uint64_t addr;
};
static_assert(sizeof(PackedInflightEntry) == 32);

struct PackedInflightHeader {  // followed by the entries
  std::uint64_t features;      // 0
  std::uint16_t version;
  std::uint16_t desc_num;
  std::uint16_t free_head;
  std::uint16_t old_free_head;
  std::uint16_t used_idx;
  std::uint16_t old_used_idx;
  std::uint8_t used_wrap_counter;
  std::uint8_t old_used_wrap_counter;
  std::uint8_t padding[7];
};
static_assert(sizeof(PackedInflightHeader) == 32);

/// Bytes of one queue's part: enough for either layout, since the ring's may not be known yet when
/// the region is made.
[[nodiscard]] constexpr std::uint64_t inflight_part(std::uint16_t queue_size) noexcept {
  constexpr std::uint64_t alignment = 64;
  const auto size = sizeof(PackedInflightHeader) + queue_size * sizeof(PackedInflightEntry);
  return (size + alignment - 1) / alignment * alignment;
}

}  // namespace bellwire::vhost_user
