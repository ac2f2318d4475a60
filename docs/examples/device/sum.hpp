// SPDX-License-Identifier: BSD-3-Clause
//
// sum: answers each request with the sum of the 32-bit numbers in its input.
#pragma once

#include "vdev/devices/request_device.hpp"

bellwire::ring::Reply sum(const bellwire::ring::Request& request) noexcept;

class Sum final : public bellwire::RequestDevice {
 public:
  [[nodiscard]] bellwire::DeviceTraits traits() const noexcept override;

 private:
  bellwire::ring::Reply serve(const bellwire::ring::Request& request) noexcept override;
};
