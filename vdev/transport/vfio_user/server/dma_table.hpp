// SPDX-License-Identifier: BSD-3-Clause
//
// DmaTable: what DMA_MAP and DMA_UNMAP do to a function's DmaSpace. Memory is mapped if it comes
// with a descriptor that nobody can make shorter (a sealed memfd, as QEMU's memory-backend-memfd
// is); a client could else end this process by taking pages away. Nor is more mapped than there is
// room for (mapping_share.hpp). The rest is reached by messages.
#pragma once

#include "vdev/pci/dma_space.hpp"
#include "vdev/transport/vfio_user/protocol/framing.hpp"

namespace bellwire::vfio_user {

class DmaTable {
 public:
  explicit DmaTable(pci::DmaSpace& space) noexcept : space_(space) {}

  /// EINVAL: flags, sizes or a descriptor that make no sense. EEXIST, ENOSPC.
  [[nodiscard]] Result<void> map(const DmaMap& request, os::UniqueFd fd);
  /// EINVAL, ENOENT; ENOTSUP: the bitmap of dirty pages.
  [[nodiscard]] Result<void> unmap(const DmaUnmap& request);

 private:
  [[nodiscard]] Result<std::optional<MemoryView>> view(const DmaMap& request, os::UniqueFd fd);
  std::optional<MemoryView> by_messages(const DmaMap& request, std::string_view why);

  pci::DmaSpace& space_;
  bool warned_ = false;
};

}  // namespace bellwire::vfio_user
