// SPDX-License-Identifier: BSD-3-Clause
//
// ClientMemory: memory of a client that is not shared, so that the device reaches it by DMA_READ
// and DMA_WRITE. It answers those.
#pragma once

#include <map>

#include "vdev/transport/vfio_user/protocol/framing.hpp"

namespace bellwire::vfio_user {

class ClientMemory {
 public:
  /// The bytes are the caller's, who keeps them until remove().
  void add(std::uint64_t address, std::span<std::byte> bytes) { pieces_[address] = bytes; }
  void remove(std::uint64_t address) { pieces_.erase(address); }

  /// The reply to a request of the device. EFAULT: no such memory. EINVAL: malformed, or no DMA.
  [[nodiscard]] Result<Bytes> answer(const Message& request);
  /// Bytes that the device has had so far, both ways.
  [[nodiscard]] std::uint64_t served() const noexcept { return served_; }

 private:
  [[nodiscard]] std::span<std::byte> find(const DmaAccess& access) const noexcept;

  std::map<std::uint64_t, std::span<std::byte>> pieces_;
  std::uint64_t served_ = 0;
};

}  // namespace bellwire::vfio_user
