// SPDX-License-Identifier: BSD-3-Clause
//
// echo: copies each request's input to its output, as much as fits.
#pragma once

#include "vdev/devices/request_device.hpp"

namespace bellwire {

class Echo final : public RequestDevice {
 public:
  [[nodiscard]] DeviceTraits traits() const noexcept override;

 private:
  ring::Reply serve(const ring::Request& request) noexcept override;
};

}  // namespace bellwire
