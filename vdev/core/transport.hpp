// SPDX-License-Identifier: BSD-3-Clause
//
// Transport: what stands between a device and its guest. All of them end in an Attachment.
#pragma once

#include <functional>

#include "vdev/core/attachment.hpp"
#include "vdev/core/guest.hpp"
#include "vdev/core/registers.hpp"

namespace bellwire {

class Transport {
 public:
  virtual ~Transport() = default;

  /// The three things for a device to start on. The transport must outlive its use of them, and
  /// gives them again to a device that starts anew. `registers`, if there are any, are the
  /// device's: a transport whose guest has trapped accesses forwards those.
  [[nodiscard]] virtual Result<Attachment> attach(RegisterBlock* registers) = 0;

  /// `detach` is called, on the context's thread, when the driver takes the attachment back: the
  /// device must have stopped when it returns, and may attach() again. Most drivers never do.
  virtual void on_detach(std::function<void()> detach) { static_cast<void>(detach); }

  /// The guest that it brings along; null where guests come from elsewhere.
  [[nodiscard]] virtual Guest* guest() noexcept { return nullptr; }
};

}  // namespace bellwire
