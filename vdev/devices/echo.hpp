// SPDX-License-Identifier: BSD-3-Clause
//
// The two smallest devices. Each is a RequestDevice: it names itself, and answers one request. One
// thread, the runner's.
#pragma once

#include "vdev/core/transport.hpp"
#include "vdev/devices/request_device.hpp"

namespace bellwire {

/// Whether that is how they answer.
[[nodiscard]] bool echoed(const Exchange& exchange);
[[nodiscard]] bool digested(const Exchange& exchange);

/// Copies the request's input to its output, as much as fits.
ring::Reply echo(const ring::Request& request) noexcept;

/// Answers each request with a copy of its input.
class Echo final : public RequestDevice {
 public:
  [[nodiscard]] DeviceTraits traits() const noexcept override;

 private:
  ring::Reply serve(const ring::Request& request) noexcept override;
};

/// Answers each request with the CRC-32C of its input.
class Digest final : public RequestDevice {
 public:
  [[nodiscard]] DeviceTraits traits() const noexcept override;

 private:
  ring::Reply serve(const ring::Request& request) noexcept override;
};

}  // namespace bellwire
