// SPDX-License-Identifier: BSD-3-Clause
//
// Transport: what stands between a device and its guest. All of them end in an Attachment.
#pragma once

#include "vdev/core/attachment.hpp"

namespace bellwire {

class Transport {
 public:
  virtual ~Transport() = default;

  /// The three things for a device to start on. The transport must outlive its use of them.
  [[nodiscard]] virtual Result<Attachment> attach() = 0;
};

}  // namespace bellwire
