// SPDX-License-Identifier: BSD-3-Clause
//
// Regions: a function's BARs and config space, under vfio's indexes. An access goes to the config
// space, to a BAR's memory, or to its registers, in aligned pieces of 1, 2, 4 or 8 bytes. On the
// device's thread.
#pragma once

#include <span>

#include "vdev/pci/function.hpp"
#include "vdev/transport/vfio_user/protocol/framing.hpp"

namespace bellwire::vfio_user {

class Regions {
 public:
  explicit Regions(pci::Function& function) noexcept : function_(function) {}

  /// EINVAL: there is no such region, or the access reaches past its end.
  [[nodiscard]] Result<void> check(const RegionAccess& access) const;
  /// For accesses that check() has accepted; the span has `access.count` bytes.
  void read(const RegionAccess& access, std::span<std::byte> into);
  void write(const RegionAccess& access, std::span<const std::byte> from);

  /// The answer to DEVICE_GET_REGION_INFO: its payload, at most `argsz` bytes, and the descriptor
  /// of the part that can be mapped, or -1. The descriptor comes only with the whole payload:
  /// without the capability that lists the mappable parts, a client would map everything. EINVAL.
  struct Info {
    Bytes payload;
    int fd = -1;
  };
  [[nodiscard]] Result<Info> info(std::uint32_t index, std::uint32_t argsz,
                                  std::size_t most_fds) const;

  /// The answer to DEVICE_GET_REGION_IO_FDS, with at most `most_fds` descriptors. EINVAL.
  struct IoFds {
    Bytes payload;
    std::vector<int> fds;
  };
  [[nodiscard]] Result<IoFds> io_fds(std::uint32_t index, std::uint32_t argsz,
                                     std::size_t most_fds) const;

 private:
  [[nodiscard]] std::uint64_t size(std::uint32_t index) const noexcept;

  pci::Function& function_;
};

}  // namespace bellwire::vfio_user
