// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/entry.hpp"

namespace bellwire::detail {

Result<VirtioDevices> on_virtqueues(std::unique_ptr<RingDevice> device, unsigned queues) {
  if (queues > BELLWIRE_MAX_QUEUES)
    return fault(std::errc::invalid_argument, "--queues {}: give a number from 1 to {}", queues,
                 BELLWIRE_MAX_QUEUES);
  VirtioDevices devices;
  devices.push_back(std::make_unique<VirtioRequestDevice>(std::move(device), queues));
  return devices;
}

}  // namespace bellwire::detail
