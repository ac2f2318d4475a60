// SPDX-License-Identifier: BSD-3-Clause
//
// Stand: a session of the lab and our ends of a mechanism, ready for jobs.
#pragma once

#include "guest-kmod/bell/compare/lab_mechanism.hpp"

namespace bell::compare {

class Stand {
 public:
  explicit Stand(const LabMechanism& mechanism) noexcept : mechanism_(mechanism) {}

  [[nodiscard]] Result<void> open();

  /// The parts of it: the session, which is how we measure, and the ends, which the mechanism
  /// needs.
  [[nodiscard]] Result<void> open_session() { return lab_.open(); }
  [[nodiscard]] Result<void> open_ends();
  void close_ends() noexcept;

  struct Job {
    std::uint64_t count = 1;
    std::uint32_t flags = 0;
    std::uint32_t gap_us = 0;
    int cpu = -1;  ///< of the kernel's thread, or of its timer
  };
  /// After the last one is done.
  [[nodiscard]] Result<void> start(const Job& wish);

  [[nodiscard]] Lab& lab() noexcept { return lab_; }
  [[nodiscard]] const Lab& lab() const noexcept { return lab_; }
  [[nodiscard]] Channel& from_kernel() noexcept { return *from_kernel_; }
  [[nodiscard]] Channel& to_kernel() noexcept { return *to_kernel_; }
  [[nodiscard]] const LabMechanism& mechanism() const noexcept { return mechanism_; }

 private:
  const LabMechanism& mechanism_;
  Lab lab_;  // outlives the ends
  std::unique_ptr<Channel> from_kernel_, to_kernel_;
};

}  // namespace bell::compare
