// SPDX-License-Identifier: BSD-3-Clause
//
// The memory that a front-end shares with its back-end: one or more pieces, each a memfd with a
// guest address and a user address, and an allocator over them. One thread allocates; the bytes are
// shared with the back-end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vdev/os/memory.hpp"
#include "vdev/os/result.hpp"
#include "vdev/transport/vhost_user/protocol/protocol.hpp"

namespace bellwire::vhost_user {

/// What one piece looks like to the back-end.
struct PieceShape {
  std::uint64_t guest_address = 0;
  std::uint64_t size = 0;          ///< bytes, whole pages
  std::uint64_t user_address = 0;  ///< 0: the same as the guest address
  std::uint64_t offset = 0;        ///< in its file; what is before it is not shared
  bool sealed = true;              ///< nobody can make the file shorter
};

class GuestMemory {
 public:
  [[nodiscard]] static Result<GuestMemory> create(std::span<const PieceShape> pieces);

  /// Zeroed bytes of one piece, never given back. Returns their guest address; 0: it is full.
  [[nodiscard]] std::uint64_t allocate(std::size_t size, std::size_t alignment = 16,
                                       std::size_t piece = 0) noexcept;

  /// The bytes at a guest address that allocate() returned, up to the end of its piece.
  [[nodiscard]] std::byte* at(std::uint64_t guest_address) const noexcept;
  template <class T>
  [[nodiscard]] T* as(std::uint64_t guest_address) const noexcept {
    return reinterpret_cast<T*>(at(guest_address));
  }
  [[nodiscard]] std::uint64_t user_address(std::uint64_t guest_address) const noexcept;

  [[nodiscard]] std::size_t pieces() const noexcept { return pieces_.size(); }
  [[nodiscard]] MemoryRegion region(std::size_t piece) const noexcept;
  [[nodiscard]] int fd(std::size_t piece) const noexcept { return pieces_[piece].file.get(); }

 private:
  struct Piece {
    PieceShape shape;
    os::UniqueFd file;
    os::Mapping mapping;
    std::uint64_t used = 0;
  };
  [[nodiscard]] const Piece* find(std::uint64_t guest_address) const noexcept;
  std::vector<Piece> pieces_;
};

}  // namespace bellwire::vhost_user
