// SPDX-License-Identifier: BSD-3-Clause
//
// PackedInflight: as SplitInflight (inflight.hpp), for a packed ring. There the driver may
// overwrite a request's descriptors while it is in flight, so they are copied into the region: each
// into an entry of its own, in a list whose first entry stands for the request.
//
// A batch is returned in three steps: publishing() writes where the ring will be, then the batch is
// published, then published() says that it was. A process that was killed in between finds out from
// the ring whether the driver has seen the batch.
//
// On the device's thread. Source: vhost-user, "Inflight I/O tracking".
#pragma once

#include <vector>

#include "vdev/transport/vhost_user/server/inflight.hpp"
#include "vdev/virtio/packed_index.hpp"

namespace bellwire::vhost_user {

class PackedInflight {
 public:
  /// `part`: of this queue, at least inflight_part(size) bytes. `ring`: its descriptors.
  PackedInflight(MemoryView part, MemoryView ring, std::uint16_t size) noexcept;

  /// Reads what an earlier process left. `asked` counts only if the region is new.
  [[nodiscard]] Resumption resume(const virtio::QueuePosition& asked);

  void taken(const virtio::Chain& chain) noexcept;
  void returning(const virtio::Chain& chain) noexcept;
  void publishing(const virtio::QueuePosition& position) noexcept;
  void published(const virtio::QueuePosition& position) noexcept;

 private:
  [[nodiscard]] PackedInflightHeader& header() const noexcept;
  [[nodiscard]] std::span<PackedInflightEntry> entries() const noexcept;
  [[nodiscard]] const vring_packed_desc& descriptor(std::uint16_t index) const noexcept;
  [[nodiscard]] bool credible() const noexcept;
  void begin(const virtio::QueuePosition& position) noexcept;
  void settle() noexcept;
  void commit() noexcept;
  void roll_back() noexcept;
  void free_the_free() noexcept;
  [[nodiscard]] virtio::DescriptorList read_list(std::uint16_t first) const;
  [[nodiscard]] std::optional<Resumption> left_behind();

  MemoryView part_;
  MemoryView ring_;
  std::uint16_t size_;
  std::uint64_t counter_ = 0;
  virtio::PackedIndex next_;             // where the next chain stands in the ring
  std::size_t taken_again_ = 0;          // those of an earlier process that come first
  std::vector<std::uint16_t> entry_of_;  // by buffer ID
  std::vector<std::uint16_t> batch_;     // first entries, returned since the last publication
};

}  // namespace bellwire::vhost_user
