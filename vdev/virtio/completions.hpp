// SPDX-License-Identifier: BSD-3-Clause
//
// Completions: the way of completed requests from the device's threads to the backend's loop.
#pragma once

#include <memory>

#include "vdev/core/completions.hpp"
#include "vdev/virtio/request.hpp"

namespace bellwire::virtio {

class Completions final : public bellwire::Completions<RequestSlot> {
 public:
  /// `event`: rung when there is something to take, and the loop may sleep.
  explicit Completions(os::EventFd event)
      : bellwire::Completions<RequestSlot>(std::make_shared<os::EventFd>(std::move(event))) {}
};

}  // namespace bellwire::virtio
