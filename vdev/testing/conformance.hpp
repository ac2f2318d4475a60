// SPDX-License-Identifier: BSD-3-Clause
//
// The conformance suite: what a device and its driver may rely on, whatever the transport. One
// table of contracts; each is tried on a stand of the transport, with real devices.
#pragma once

#include <span>
#include <string_view>

#include "vdev/testing/stands.hpp"

namespace bellwire::testing {

struct Contract {
  std::string_view name;
  unsigned queues;
  /// Throws, and says what was broken.
  void (*check)(Stand& stand);
};

[[nodiscard]] std::span<const Contract> contracts() noexcept;

}  // namespace bellwire::testing
