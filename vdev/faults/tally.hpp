// SPDX-License-Identifier: BSD-3-Clause
//
// FaultTally: decides for each signal of a device whether the plan lets something go wrong with it,
// and counts what arrived and what went wrong. One for all attachments of a device, one after the
// other or side by side, so that the plan's numbers go on.
//
// One thread at a time uses it, the device's; any thread may read the counts.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "vdev/faults/plan.hpp"

namespace bellwire {

class FaultTally {
 public:
  explicit FaultTally(FaultPlan plan);

  /// What was chosen for a signal, or is invented.
  struct Fault {
    std::size_t rule;      ///< its index
    std::uint64_t number;  ///< of the signal, over all wires of its kind, from 1 on; invented: 0
    std::uint64_t random;  ///< for whatever is still to be chosen
    FaultRule::Duration time;
  };

  /// A signal has arrived on that wire. Empty: it passes on. A fault that was carried out is to be
  /// noted by injected().
  [[nodiscard]] std::optional<Fault> arrived(FaultWire wire, unsigned index);
  /// The next one of a rule that invents some; `time` from now.
  [[nodiscard]] Fault invent(std::size_t rule);
  void injected(std::size_t rule) noexcept;

  [[nodiscard]] const FaultPlan& plan() const noexcept { return plan_; }
  /// How often the rule was carried out.
  [[nodiscard]] std::uint64_t count(std::size_t rule) const noexcept;
  [[nodiscard]] std::uint64_t arrivals(FaultWire wire) const noexcept;

  /// ENODATA: nothing was injected.
  [[nodiscard]] Result<void> check() const;
  /// "12 by 'drop interrupt 1/1000', 0 by 'stall doorbell 5 1s'"
  [[nodiscard]] std::string report() const;

 private:
  [[nodiscard]] std::uint64_t random(std::size_t rule, std::uint64_t wire,
                                     std::uint64_t turn) const noexcept;

  const FaultPlan plan_;
  std::array<std::atomic<std::uint64_t>, fault_wires> arrivals_{};    // by FaultWire
  std::array<std::vector<std::uint64_t>, fault_wires> of_each_wire_;  // likewise, then by index
  std::vector<std::uint64_t> inventions_;                             // by rule
  std::unique_ptr<std::atomic<std::uint64_t>[]> injected_;            // likewise
};

/// Sleeps so long, or until a signal to the process.
void stall_thread(FaultRule::Duration time) noexcept;

/// Kills this process as by SIGKILL; only the log goes out first.
void crash_process(const FaultTally& tally);

}  // namespace bellwire
