// SPDX-License-Identifier: BSD-3-Clause
//
// Transport: what stands between a device and its guest. All of them end in an Attachment.
#pragma once

#include <functional>

#include "vdev/core/attachment.hpp"
#include "vdev/core/guest.hpp"
#include "vdev/core/registers.hpp"
#include "vdev/core/registration.hpp"

namespace bellwire {

/// Whoever runs a device, told on the context's thread.
struct Runs {
  /// A driver gives an attachment: the device runs on it when this returns. On an error it does
  /// not; then the transport reports that, tells the driver, and waits for the next attachment.
  std::function<Result<void>(Attachment)> attach;
  /// The driver takes the attachment back: nothing of it is used any more when this returns.
  std::function<void()> detach;
  /// After a detach: no attachment will follow, for this reason. Most transports never say so.
  std::function<void(Error)> end = nullptr;
};

class Transport {
 public:
  virtual ~Transport() = default;

  /// The three things for a device to start on. The transport must outlive its use of them, and
  /// gives them again to a device that starts anew. `registers`, if there are any, are the
  /// device's: a transport whose guest has trapped accesses forwards those. EAGAIN: no driver has
  /// given them yet.
  [[nodiscard]] virtual Result<Attachment> attach(RegisterBlock* registers) = 0;

  /// Has `runs` run the device on each attachment, one after the other, until the registration is
  /// dropped. Most transports have only one, and have it at once; then an error of it is an error
  /// of this.
  [[nodiscard]] virtual Result<Registration> serve(RegisterBlock* registers, Runs runs) {
    auto attachment = attach(registers);
    if (!attachment) return attachment.error();
    if (auto attached = runs.attach(std::move(*attachment)); !attached) return attached.error();
    return Registration();
  }

  /// The guest that it brings along; null where guests come from elsewhere.
  [[nodiscard]] virtual Guest* guest() noexcept { return nullptr; }
};

}  // namespace bellwire
