// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/virtio/virtqueue.hpp"

#include <bit>

#include "vdev/ring/words.hpp"
#include "vdev/virtio/ring_areas.hpp"
#include "vdev/virtio/ring_words.hpp"

namespace bellwire::virtio {
namespace {

Result<void> check_size(const QueueLayout& layout) {
  if (layout.size == 0 || layout.size > most_entries)
    return fault(std::errc::invalid_argument, "a virtqueue has 1 to {} entries, not {}",
                 most_entries, layout.size);
  if (!layout.packed && !std::has_single_bit(layout.size))
    return fault(std::errc::invalid_argument,
                 "a split virtqueue's size is a power of two, which {} is not", layout.size);
  return {};
}

Result<void> check_alignment(const char* area, std::uint64_t address, std::uint64_t alignment) {
  if (address % alignment == 0) return {};
  return fault(std::errc::invalid_argument, "the virtqueue's {}, at {:#x}, is not aligned to {}",
               area, address, alignment);
}

Result<void> check_index(const char* name, std::uint16_t index, const QueueLayout& layout) {
  if (!layout.packed || index < layout.size) return {};
  return fault(std::errc::invalid_argument,
               "a packed virtqueue of {} entries can't continue at {} index {}", layout.size, name,
               index);
}

Result<MemoryView> map_area(const char* name, std::uint64_t address, std::uint64_t size,
                            std::uint64_t alignment, const DmaSpace& memory) {
  auto area = memory.map(address, size);
  if (!area)
    return fault(std::errc::bad_address,
                 "the virtqueue's {}, {} bytes at {:#x}, are not within one region of memory", name,
                 size, address);
  if (reinterpret_cast<std::uintptr_t>(area->bytes().data()) % alignment != 0)
    return fault(std::errc::bad_address,
                 "the virtqueue's {}, at {:#x}, is in memory that is not aligned to {}", name,
                 address, alignment);
  return *std::move(area);
}

struct Alignments {
  std::uint64_t descriptors, driver_area, device_area;
};
constexpr Alignments alignments(const QueueLayout& layout) {
  if (layout.packed) return {VRING_DESC_ALIGN_SIZE, 4, 4};
  return {VRING_DESC_ALIGN_SIZE, VRING_AVAIL_ALIGN_SIZE, VRING_USED_ALIGN_SIZE};
}

}  // namespace

AreaSizes area_sizes(const QueueLayout& layout) noexcept {
  const std::uint64_t size = layout.size;
  if (layout.packed)
    return {size * sizeof(vring_packed_desc), sizeof(vring_packed_desc_event),
            sizeof(vring_packed_desc_event)};
  // The event indexes come after the rings, whether they are used or not.
  return {size * sizeof(vring_desc), sizeof(vring_avail) + (size + 1) * sizeof(__virtio16),
          sizeof(vring_used) + size * sizeof(vring_used_elem) + sizeof(__virtio16)};
}

Result<void> check(const QueueLayout& layout, const QueuePosition& position) {
  const auto [descriptors, driver, device] = alignments(layout);
  if (auto ok = check_size(layout); !ok) return ok;
  if (auto ok = check_alignment("descriptors", layout.descriptors, descriptors); !ok) return ok;
  if (auto ok = check_alignment("driver area", layout.driver_area, driver); !ok) return ok;
  if (auto ok = check_alignment("device area", layout.device_area, device); !ok) return ok;
  if (auto ok = check_index("available", position.next_available, layout); !ok) return ok;
  if (auto ok = check_index("used", position.next_used, layout); !ok) return ok;
  if (const auto taken = entries_between(layout, position); taken > layout.size)
    return fault(std::errc::invalid_argument,
                 "a virtqueue of {} entries can't continue with {} of them taken: available index "
                 "{}, used index {}",
                 layout.size, taken, position.next_available, position.next_used);
  return {};
}

Result<RingAreas> RingAreas::map(const QueueLayout& layout, const DmaSpace& memory) {
  const auto sizes = area_sizes(layout);
  const auto aligned = alignments(layout);
  auto descriptors =
      map_area("descriptors", layout.descriptors, sizes.descriptors, aligned.descriptors, memory);
  if (!descriptors) return descriptors.error();
  auto driver =
      map_area("driver area", layout.driver_area, sizes.driver_area, aligned.driver_area, memory);
  if (!driver) return driver.error();
  auto device =
      map_area("device area", layout.device_area, sizes.device_area, aligned.device_area, memory);
  if (!device) return device.error();
  return RingAreas{*std::move(descriptors), *std::move(driver), *std::move(device)};
}

Result<std::uint16_t> stored_used_index(const QueueLayout& layout, const DmaSpace& memory) {
  if (layout.packed)
    return fault(std::errc::invalid_argument, "a packed virtqueue has no used index in memory");
  if (auto ok = check(layout); !ok) return ok.error();
  const auto areas = RingAreas::map(layout, memory);
  if (!areas) return areas.error();
  const auto* used = reinterpret_cast<const vring_used*>(areas->device_area.bytes().data());
  return ring::load(used->idx, ring::acquire);
}

Error describe(const RingError& error) {
  const auto broken = [&](const char* what) {
    return fault(std::errc::protocol_error, "the virtqueue is broken: {} {}", what, error.value);
  };
  switch (error.fault) {
    case RingFault::none:
      return broken("nothing is wrong");
    case RingFault::available_index:
      return broken("more chains than fit are available, index");
    case RingFault::head:
      return broken("a chain begins beyond the descriptors, at");
    case RingFault::endless_list:
      return broken("a list is longer than the free entries, which are");
    case RingFault::used_index:
      return broken("more chains came back than were in flight, index");
    case RingFault::used_id:
      return broken("a chain came back that was not in flight, ID");
    case RingFault::used_length:
      return broken("a chain came back with too many bytes written:");
  }
  return broken("unknown fault");
}

}  // namespace bellwire::virtio
