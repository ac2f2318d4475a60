// SPDX-License-Identifier: BSD-3-Clause
//
// LabChannels: a session of the lab, with our channels from and to the kernel, ready for jobs. The
// functions below measure a mechanism on it in one direction each. For one thread.
#pragma once

#include <array>

#include "guest-kmod/bell/compare/measure/measure.hpp"
#include "guest-kmod/bell/compare/measure/processes.hpp"

namespace bell::compare {

class LabChannels {
 public:
  explicit LabChannels(const LabMechanism& mechanism) noexcept : mechanism_(mechanism) {}

  [[nodiscard]] Result<void> open();

  /// open() in two parts: the session is for the measurement, the ends are the mechanism's.
  [[nodiscard]] Result<void> open_session() { return lab_.open(); }
  [[nodiscard]] Result<void> open_ends();
  void close_ends() noexcept;

  struct KernelJob {
    std::uint64_t count = 1;
    std::uint32_t flags = 0;
    std::uint32_t gap_us = 0;
    int cpu = -1;  ///< of the kernel's thread, or of its timer; -1: any
  };
  /// To be called when the last job has ended.
  [[nodiscard]] Result<void> start(const KernelJob& job);

  /// The kernel's thread that plays its end of the job.
  [[nodiscard]] Result<OtherProcess> kernel_thread() const;

  [[nodiscard]] LabSession& lab() noexcept { return lab_; }
  [[nodiscard]] const LabSession& lab() const noexcept { return lab_; }
  [[nodiscard]] Channel& from_kernel() noexcept { return *from_kernel_; }
  [[nodiscard]] Channel& to_kernel() noexcept { return *to_kernel_; }
  [[nodiscard]] const LabMechanism& mechanism() const noexcept { return mechanism_; }

 private:
  const LabMechanism& mechanism_;
  LabSession lab_;  // outlives the channels
  std::unique_ptr<Channel> from_kernel_, to_kernel_;
};

/// Room for the numbers of one wait.
using NumberBuffer = std::array<std::uint64_t, most_at_once>;

inline constexpr std::uint32_t timer_gap_us = 50;  ///< the least that the module's timer accepts

[[nodiscard]] Result<Measurement> measure_kernel_to_user(LabChannels& channels,
                                                         const RoundPlan& plan);
[[nodiscard]] Result<Measurement> measure_user_to_kernel(LabChannels& channels,
                                                         const RoundPlan& plan);
[[nodiscard]] Result<Measurement> measure_round_trip(LabChannels& channels, const RoundPlan& plan);

}  // namespace bell::compare
