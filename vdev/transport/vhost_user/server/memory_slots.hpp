// SPDX-License-Identifier: BSD-3-Clause
//
// MemorySlots: the memory that a front-end shares, as regions of files that it hands over. A region
// has a guest address, by which the devices' DmaSpace knows it, and a user address, which is what
// messages about rings contain. Files are the front-end's: one that is truncated is noticed by the
// MemoryLoss, and does no harm.
//
// On the device's thread. Source: vhost-user, "Memory access"; docs/semantics.md, 60 to 63.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "vdev/core/dma_space.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/transport/vhost_user/protocol/protocol.hpp"

namespace bellwire::vhost_user {

/// A mapping of a part of a peer's file that may begin anywhere, even inside a (huge) page.
[[nodiscard]] Result<MemoryView> map_part(int fd, std::uint64_t offset, std::uint64_t size,
                                          std::shared_ptr<os::MemoryLoss> loss);

class MemorySlots {
 public:
  /// The most regions: what GET_MAX_MEM_SLOTS answers.
  static constexpr std::size_t most_slots = 509;

  /// `space` must outlive it.
  MemorySlots(DmaSpace& space, std::shared_ptr<os::MemoryLoss> loss) noexcept
      : space_(space), loss_(std::move(loss)) {}
  MemorySlots(const MemorySlots&) = delete;
  MemorySlots& operator=(const MemorySlots&) = delete;
  ~MemorySlots() { clear(); }

  /// All regions at once, in place of the former ones; one descriptor for each. After an error, the
  /// former ones are still there.
  [[nodiscard]] Result<void> replace(std::span<const MemoryRegion> regions,
                                     std::span<const os::UniqueFd> fds);
  /// EINVAL: empty, wraps, or not in its file. EEXIST: overlaps. ENOSPC: as many as there may be.
  [[nodiscard]] Result<void> add(const MemoryRegion& region, const os::UniqueFd& fd);
  /// The one with that guest address, user address and size. ENOENT: there is none.
  [[nodiscard]] Result<void> remove(const MemoryRegion& region);
  void clear();
  [[nodiscard]] const DmaSpace& space() const noexcept { return space_; }

  /// The guest address of `size` bytes at a user address. Empty: they are not in one region.
  [[nodiscard]] std::optional<std::uint64_t> guest_address(std::uint64_t user_address,
                                                           std::uint64_t size) const noexcept;
  /// The guest address of a byte of a region, where this process has it. Empty: it is of none.
  [[nodiscard]] std::optional<std::uint64_t> guest_address(const std::byte* byte) const noexcept;
  /// The end of the highest region: what a dirty log must cover.
  [[nodiscard]] std::uint64_t end() const noexcept;

 private:
  struct Slot {
    MemoryRegion region;
    MemoryView view;
  };
  [[nodiscard]] Result<Slot> map(const MemoryRegion& region, const os::UniqueFd& fd) const;
  [[nodiscard]] Result<void> insert(Slot slot);

  DmaSpace& space_;
  std::shared_ptr<os::MemoryLoss> loss_;
  std::vector<Slot> slots_;
};

}  // namespace bellwire::vhost_user
