// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/virtio/device.hpp"

#include <algorithm>

namespace bellwire::virtio {

void Device::read_config(std::size_t, std::span<std::byte> into) noexcept {
  std::ranges::fill(into, std::byte{0});
}

bool Device::write_config(std::size_t, std::span<const std::byte>) {
  return false;
}

Result<void> Device::start(Session) {
  return {};
}

}  // namespace bellwire::virtio
