// SPDX-License-Identifier: BSD-3-Clause
//
// digest: answers each request with the CRC-32C of its input.
#pragma once

#include "vdev/devices/request_device.hpp"

namespace bellwire {

class Digest final : public RequestDevice {
 public:
  [[nodiscard]] DeviceTraits traits() const noexcept override;

 private:
  ring::Reply serve(const ring::Request& request) noexcept override;
};

}  // namespace bellwire
