// SPDX-License-Identifier: BSD-3-Clause
//
// Setup: what is simulated. All that is not chosen is left to chance, from the seed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vdev/core/poll_time.hpp"
#include "vdev/faults/plan.hpp"
#include "vdev/simulate/random.hpp"

namespace bellwire::simulate {

/// What is chosen.
struct Choice {
  std::uint64_t seed = 1;
  std::uint64_t requests = 100'000;  ///< over all queues
  std::optional<unsigned> pairs{};   ///< devices, each with its guest
  std::optional<std::string> device{};
  std::optional<unsigned> queues{};
  std::optional<std::uint32_t> depth{};
  std::optional<FaultPlan> faults{};
  std::optional<bool> switchboard{};  ///< whether devices and guests meet at one
  bool operator_on = true;            ///< whether anybody kills, freezes and resets
  bool recover = true;                ///< whether drivers look for what did not come
};

/// A device with its guest.
struct PairSetup {
  std::string device;
  unsigned queues;
  std::uint32_t entries;  ///< of each ring
  std::uint32_t depth;
  Polling polling;
  std::chrono::nanoseconds moderation;
  FaultPlan faults;
  bool operator_on;
  bool recover;
};

/// Names of the devices that there are.
[[nodiscard]] std::vector<std::string> device_names();

constexpr unsigned most_pairs = 8;

struct Setup {
  std::vector<PairSetup> pairs;
  bool switchboard;  ///< then all pairs have rings of one size
};

[[nodiscard]] Setup set_up(const Choice& choice, Random& random);
/// Of payload, for the requests that are in flight on a queue.
[[nodiscard]] std::uint64_t payload(std::uint32_t depth) noexcept;
/// Whether a plan has faults that lose signals, or hold them for long.
[[nodiscard]] bool may_lose(const FaultPlan& faults) noexcept;
/// A line.
[[nodiscard]] std::string describe(const PairSetup& setup);

}  // namespace bellwire::simulate
