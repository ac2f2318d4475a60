// SPDX-License-Identifier: BSD-3-Clause
//
// The contracts: what a device and its driver may rely on, whatever the transport, and whether
// requests travel on our own rings or on virtqueues. Each is checked on every transport that can
// keep it, with real devices. What a transport can't keep, rig.cpp says with the reason.
//
// The contracts of requests in flight are about ring devices that complete them later.
//
// The wire contracts are about wires alone, without a device on them. A virtqueue's wires end in
// its Backend, which gives them to nobody else; what they promise is seen there by "queues are
// apart" and by the interrupts of masked vectors.
#pragma once

#include <span>
#include <string_view>

#include "vdev/testing/rig.hpp"
#include "vdev/testing/transports.hpp"

namespace bellwire::testing {

struct Contract {
  std::string_view name;
  unsigned queues;
  /// Throws an error that says what was violated.
  void (*check)(Rig& rig);
  Needs needs = Needs::nothing;
};

/// On the wires of a transport of ring devices, with a device that the contract chooses.
struct WireContract {
  std::string_view name;
  unsigned queues;
  void (*check)(TransportFixture& fixture);
};

[[nodiscard]] std::span<const Contract> contracts() noexcept;
[[nodiscard]] std::span<const WireContract> wire_contracts() noexcept;
[[nodiscard]] std::span<const WireContract> in_flight_contracts() noexcept;

/// Throws an error with those words if `held` is false.
void require(bool held, std::string_view what);

}  // namespace bellwire::testing
