// SPDX-License-Identifier: BSD-3-Clause
//
// Measures mechanisms: between two processes, where this one sends and one that it forks receives;
// with the kernel, where this process plays the user's end; and the set-up of either.
#pragma once

#include <functional>
#include <memory>

#include "guest-kmod/bell/compare/measure/measurement.hpp"
#include "guest-kmod/bell/compare/mechanisms/lab_mechanisms.hpp"

namespace bell::compare {

struct RoundPlan {
  std::uint64_t count = 10'000;  ///< notifications
  int sender_cpu = 0;
  int receiver_cpu = 0;
  bool first_round = true;  ///< also what one round shows: system calls, whether it works in an irq

  /// Half of them are sent one at a time, half in a burst; round trips are all made one at a time.
  [[nodiscard]] std::uint64_t burst() const noexcept { return count / 2; }
  [[nodiscard]] std::uint64_t singles() const noexcept { return count - burst(); }
  [[nodiscard]] bool shared_cpu() const noexcept { return sender_cpu == receiver_cpu; }
};

/// ETIMEDOUT: a notification never arrived.
[[nodiscard]] Result<Measurement> measure(const Mechanism& mechanism, const RoundPlan& plan);

/// The kernel's sendings and receptions are timed by the module's records of them. ETIMEDOUT: a
/// notification never arrived. Other errors are the module's.
[[nodiscard]] Result<Measurement> measure(const LabMechanism& mechanism, const RoundPlan& plan);

/// A mechanism from nothing to its first notification, and back.
class SetupSequence {
 public:
  virtual ~SetupSequence() = default;

  /// What only the measurement needs; not timed.
  [[nodiscard]] virtual Result<void> prepare() { return {}; }
  [[nodiscard]] virtual Result<void> first_notification() = 0;
  virtual void tear_down() = 0;
};

/// Times a few sequences in this process, which plays both ends. With `calls` the system calls are
/// counted, too, of a child that is traced while it runs the sequence.
[[nodiscard]] Result<Setup> measure_setup(
    const std::function<std::unique_ptr<SetupSequence>()>& make, bool calls);

}  // namespace bell::compare
