// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/virtio/driver_virtqueue.hpp"

namespace bellwire::virtio {

Result<DriverTables> DriverTables::map(const IndirectTables& tables, const QueueLayout& layout,
                                       const DmaSpace& memory) {
  if (!layout.indirect || tables.entries == 0) return DriverTables();
  const auto size = std::uint64_t{layout.size} * tables.entries * sizeof(vring_desc);
  auto view = memory.map(tables.address, size);
  if (!view || reinterpret_cast<std::uintptr_t>(view->bytes().data()) % sizeof(vring_desc) != 0)
    return fault(std::errc::bad_address,
                 "the indirect tables, {} bytes at {:#x}, are not aligned in one region of memory",
                 size, tables.address);
  return DriverTables(*std::move(view), tables);
}

Result<DriverVirtqueue> DriverVirtqueue::create(const QueueLayout& layout,
                                                const QueuePosition& position,
                                                const DmaSpace& memory,
                                                const IndirectTables& tables) {
  if (auto ok = check(layout, position); !ok) return ok.error();
  if (const auto taken = entries_between(layout, position); taken != 0)
    return fault(std::errc::invalid_argument,
                 "a driver's side begins with nothing in flight, not with {} entries", taken);
  auto areas = RingAreas::map(layout, memory);
  if (!areas) return areas.error();
  auto mapped = DriverTables::map(tables, layout, memory);
  if (!mapped) return mapped.error();
  if (layout.packed)
    return DriverVirtqueue(
        PackedDriverRing(layout, position, *std::move(areas), *std::move(mapped)));
  return DriverVirtqueue(SplitDriverRing(layout, position, *std::move(areas), *std::move(mapped)));
}

}  // namespace bellwire::virtio
