// SPDX-License-Identifier: BSD-3-Clause
//
// Rng: a virtio entropy device, the shortest virtio device that there is: read this and rng.cpp
// before you write your own. It fills the driver's buffers with random bytes of this machine's
// kernel. One thread, the backend's. Source: virtio 1.2, section 5.4.
#pragma once

#include "vdev/virtio/device.hpp"

namespace bellwire {

class Rng final : public virtio::Device {
 public:
  [[nodiscard]] virtio::Traits traits() const noexcept override;
  void handle(virtio::Request request) noexcept override;
};

}  // namespace bellwire
