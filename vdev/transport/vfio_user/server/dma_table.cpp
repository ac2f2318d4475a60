// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/dma_table.hpp"

#include "vdev/log/log.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/transport/vfio_user/server/mapping_share.hpp"

namespace bellwire::vfio_user {
namespace {
constexpr std::uint32_t map_flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;

// Of the later kernel headers.
constexpr std::uint32_t unmap_dirty_bitmap = 1 << 0;
constexpr std::uint32_t unmap_all = 1 << 1;

bool whole_pages(std::uint64_t address, std::uint64_t size) {
  return (address | size) % page_size == 0;
}

struct Shared {
  MappingShare share;  // given back when it is unmapped
  os::Mapping mapping;
};
}  // namespace

Result<std::optional<MemoryView>> DmaTable::view(const DmaMap& request, os::UniqueFd fd) {
  if (!fd.valid()) return std::optional<MemoryView>();
  const auto size = os::file_size(fd.get());
  if (!size || !fits(request.offset, request.size, *size) || request.offset % page_size != 0)
    return fault(std::errc::invalid_argument,
                 "DMA_MAP: {} bytes from {} on are not in its file, or begin inside a page",
                 request.size, request.offset);
  if ((request.flags & map_flags) != map_flags) return std::optional<MemoryView>();
  if (!os::sealed_against_shrinking(fd.get()))
    return by_messages(request, "it can be taken away; use memory-backend-memfd, which seals it");
  auto share = MappingShare::take(request.size);
  if (!share) return by_messages(request, "there is too much of it, or in too many pieces");
  auto mapping = os::Mapping::create(fd.get(), request.size, request.offset);
  if (!mapping) return by_messages(request, mapping.error().message);
  const auto both = std::make_shared<Shared>(Shared{std::move(*share), std::move(*mapping)});
  return std::optional(MemoryView(std::shared_ptr<const os::Mapping>(both, &both->mapping)));
}

std::optional<MemoryView> DmaTable::by_messages(const DmaMap& request, std::string_view why) {
  if (!std::exchange(warned_, true))
    log::warning("the guest's memory at {:#x} is not mapped, DMA goes by messages: {}",
                 request.address, why);
  return std::nullopt;
}

Result<void> DmaTable::map(const DmaMap& request, os::UniqueFd fd) {
  if (request.argsz < sizeof request || request.flags == 0 || (request.flags & ~map_flags) != 0 ||
      !whole_pages(request.address, request.size))
    return fault(std::errc::invalid_argument,
                 "DMA_MAP: {} bytes at {:#x}, flags {:#x}: choose whole pages, readable or "
                 "writeable",
                 request.size, request.address, request.flags);
  auto memory = view(request, std::move(fd));
  if (!memory) return memory.error();
  return space_.add({.address = request.address,
                     .size = request.size,
                     .readable = (request.flags & VFIO_DMA_MAP_FLAG_READ) != 0,
                     .writable = (request.flags & VFIO_DMA_MAP_FLAG_WRITE) != 0,
                     .memory = std::move(*memory)});
}

Result<void> DmaTable::unmap(const DmaUnmap& request) {
  if (request.argsz < sizeof request || (request.flags & ~(unmap_all | unmap_dirty_bitmap)) != 0)
    return fault(std::errc::invalid_argument, "DMA_UNMAP: argsz {}, flags {:#x}", request.argsz,
                 request.flags);
  if ((request.flags & unmap_dirty_bitmap) != 0)
    return fault(std::errc::not_supported, "DMA_UNMAP: dirty pages are not tracked here");
  if ((request.flags & unmap_all) == 0) return space_.remove(request.address, request.size);
  if (request.address != 0 || request.size != 0)
    return fault(std::errc::invalid_argument, "DMA_UNMAP of all, and of {} bytes at {:#x}",
                 request.size, request.address);
  space_.clear();
  return {};
}

}  // namespace bellwire::vfio_user
