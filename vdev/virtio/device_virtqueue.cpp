// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/virtio/device_virtqueue.hpp"

namespace bellwire::virtio {

Result<DeviceVirtqueue> DeviceVirtqueue::create(const QueueLayout& layout,
                                                const QueuePosition& position,
                                                const DmaSpace& memory) {
  if (auto ok = check(layout, position); !ok) return ok.error();
  auto areas = RingAreas::map(layout, memory);
  if (!areas) return areas.error();
  if (layout.packed)
    return DeviceVirtqueue(PackedDeviceRing(layout, position, *std::move(areas), memory));
  return DeviceVirtqueue(SplitDeviceRing(layout, position, *std::move(areas), memory));
}

}  // namespace bellwire::virtio
