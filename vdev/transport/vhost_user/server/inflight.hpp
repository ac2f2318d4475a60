// SPDX-License-Identifier: BSD-3-Clause
//
// What a queue has in flight, noted in memory that survives this process: SplitInflight follows a
// ring's requests, and finds out, when a process starts, what an earlier one left behind. Each
// request is then completed exactly once, wherever the earlier process was killed. InflightRegion
// is the memory of all queues.
//
// The front-end can write the region, so nothing in it is trusted: a region that can't be right is
// begun anew.
//
// On the device's thread. Source: vhost-user, "Inflight I/O tracking"; docs/semantics.md, 67, 68.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "vdev/core/attachment.hpp"
#include "vdev/transport/vhost_user/protocol/inflight.hpp"
#include "vdev/transport/vhost_user/protocol/protocol.hpp"
#include "vdev/virtio/backend.hpp"
#include "vdev/virtio/virtqueue.hpp"

namespace bellwire::vhost_user {

/// Where a queue continues: its position, and what it has to serve first, oldest first. Split: the
/// indexes of the first descriptors; packed: the descriptors.
struct Resumption {
  virtio::QueuePosition position;
  std::vector<std::uint16_t> in_flight = {};
  std::vector<virtio::DescriptorList> packed_in_flight = {};
};

class SplitInflight {
 public:
  /// `part`: of this queue, at least inflight_part(size) bytes.
  SplitInflight(MemoryView part, std::uint16_t size) noexcept;

  /// Reads what an earlier process left. `asked`: the position that the front-end asked for, with
  /// the used index that the ring's memory has; the available index counts only if the region is
  /// new.
  [[nodiscard]] Resumption resume(const virtio::QueuePosition& asked);

  void taken(std::uint16_t head) noexcept;
  void returning(std::uint16_t head) noexcept;
  /// The used ring's index is `used` now.
  void published(std::uint16_t used) noexcept;

 private:
  [[nodiscard]] SplitInflightHeader& header() const noexcept;
  [[nodiscard]] std::span<SplitInflightEntry> entries() const noexcept;
  [[nodiscard]] bool credible(std::uint16_t used) const noexcept;
  void begin(std::uint16_t used) noexcept;
  void settle(std::uint16_t used) noexcept;
  [[nodiscard]] std::vector<std::uint16_t> left_behind();

  MemoryView part_;
  std::uint16_t size_;
  std::uint64_t counter_ = 0;
  std::vector<std::uint16_t> batch_;  // returned since the last publication
};

class InflightRegion {
 public:
  /// What GET_INFLIGHT_FD answers: new memory, and its description.
  struct Made {
    os::UniqueFd fd;
    Inflight where;
  };
  /// ENOMEM, ENOSPC, EMFILE.
  [[nodiscard]] static Result<Made> make(std::uint16_t queues, std::uint16_t queue_size);

  /// What SET_INFLIGHT_FD brings. EINVAL: it is too short for what it says, or not in its file.
  [[nodiscard]] static Result<InflightRegion> map(const Inflight& where, int fd,
                                                  std::shared_ptr<os::MemoryLoss> loss);

  /// The part of a queue; empty: the region has none for a queue of that size.
  [[nodiscard]] std::optional<MemoryView> part(unsigned index, std::uint16_t size) const;

 private:
  InflightRegion(MemoryView memory, std::uint16_t queues, std::uint16_t queue_size) noexcept
      : memory_(std::move(memory)), queues_(queues), queue_size_(queue_size) {}
  MemoryView memory_;
  std::uint16_t queues_;
  std::uint16_t queue_size_;
};

}  // namespace bellwire::vhost_user
