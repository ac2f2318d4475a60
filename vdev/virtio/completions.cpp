// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/virtio/completions.hpp"

namespace bellwire::virtio {

void Request::finish(std::uint32_t written) noexcept {
  if (slot_ == nullptr) return;
  auto& slot = *std::exchange(slot_, nullptr);
  slot.written = written;
  slot.completions->add(slot);
}

}  // namespace bellwire::virtio
