// SPDX-License-Identifier: BSD-3-Clause
//
// The contracts: what a device and its driver may rely on, whatever the transport. Each is checked
// on every transport, with real devices.
#pragma once

#include <span>
#include <string_view>

#include "vdev/testing/transports.hpp"

namespace bellwire::testing {

struct Contract {
  std::string_view name;
  unsigned queues;
  /// Throws an error that says what was violated.
  void (*check)(TransportFixture& fixture);
};

[[nodiscard]] std::span<const Contract> contracts() noexcept;

}  // namespace bellwire::testing
