// SPDX-License-Identifier: BSD-3-Clause
//
// The results of a comparison: one per mechanism and direction, and the note's claims, judged by
// them. They are printed as a table and written as JSON for the page.
#pragma once

#include <string>
#include <vector>

#include "guest-kmod/bell/compare/measure/measurement.hpp"

namespace bell::compare {

/// What was measured of a mechanism, or why nothing could be.
struct MechanismResult {
  std::string name;
  std::string direction;
  std::string what{};
  std::string cpus{};    ///< "sender's,receiver's"
  std::string source{};  ///< where its code is, ours or the kernel's
  unsigned user_lines = 0;
  unsigned kernel_lines = 0;
  std::optional<Measurement> measurement{};
  std::string reason{};  ///< why there is no measurement
};

/// A sentence of the note, and what this run says to it.
struct Claim {
  std::string claim;
  std::string measured;
  std::string verdict;  ///< one of the four below
};

inline constexpr const char* held = "true";
inline constexpr const char* refuted = "false";
inline constexpr const char* close = "too close to tell";
inline constexpr const char* unknown = "not measured";

[[nodiscard]] std::vector<Claim> judge(const std::vector<MechanismResult>& results);

/// The claims about a single eventfd, which are tried out: what read, poll and epoll do to the
/// count, and what overflows it.
[[nodiscard]] Claim read_clears_and_poll_does_not();
[[nodiscard]] Claim only_the_kernel_overflows();

void print_heading();
void print_result(const MechanismResult& result);
void print_claim(const Claim& claim);

[[nodiscard]] std::string to_json(const std::vector<MechanismResult>& results,
                                  const std::vector<Claim>& claims);

}  // namespace bell::compare
