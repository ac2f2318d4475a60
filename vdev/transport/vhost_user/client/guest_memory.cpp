// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/client/guest_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace bellwire::vhost_user {
namespace {

Result<os::UniqueFd> create_file(const PieceShape& shape) {
  const auto size = shape.offset + shape.size;
  if (shape.sealed) return os::create_memfd("bellwire-guest", size);
  os::UniqueFd file(::memfd_create("bellwire-guest", MFD_CLOEXEC));
  if (!file.valid() || ::ftruncate(file.get(), static_cast<off_t>(size)) != 0)
    return system_fault("cannot make {} bytes of memory to share", size);
  return file;
}

}  // namespace

Result<GuestMemory> GuestMemory::create(std::span<const PieceShape> pieces) {
  GuestMemory memory;
  for (auto shape : pieces) {
    if (shape.user_address == 0) shape.user_address = shape.guest_address;
    auto file = create_file(shape);
    if (!file) return file.error();
    auto mapping = os::Mapping::create(file->get(), shape.size, shape.offset);
    if (!mapping) return mapping.error();
    const std::uint64_t used = shape.guest_address == 0 ? 1 : 0;  // 0 is no address of allocate()
    memory.pieces_.push_back({shape, std::move(*file), std::move(*mapping), used});
  }
  return memory;
}

std::uint64_t GuestMemory::allocate(std::size_t size, std::size_t alignment,
                                    std::size_t piece) noexcept {
  auto& from = pieces_[piece];
  const auto begin = (from.used + alignment - 1) / alignment * alignment;
  if (begin + size > from.shape.size) return 0;
  from.used = begin + size;
  return from.shape.guest_address + begin;
}

const GuestMemory::Piece* GuestMemory::find(std::uint64_t guest_address) const noexcept {
  for (const auto& piece : pieces_)
    if (guest_address - piece.shape.guest_address < piece.shape.size) return &piece;
  return nullptr;
}

std::byte* GuestMemory::at(std::uint64_t guest_address) const noexcept {
  const auto* const piece = find(guest_address);
  return piece ? piece->mapping.data() + (guest_address - piece->shape.guest_address) : nullptr;
}

std::uint64_t GuestMemory::user_address(std::uint64_t guest_address) const noexcept {
  const auto* const piece = find(guest_address);
  return piece ? piece->shape.user_address + (guest_address - piece->shape.guest_address) : 0;
}

MemoryRegion GuestMemory::region(std::size_t piece) const noexcept {
  const auto& shape = pieces_[piece].shape;
  return {shape.guest_address, shape.size, shape.user_address, shape.offset};
}

}  // namespace bellwire::vhost_user
