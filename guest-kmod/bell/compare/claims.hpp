// SPDX-License-Identifier: BSD-3-Clause
//
// What the note claims, against the rows of this run and some trials of an eventfd.
#pragma once

#include "guest-kmod/bell/compare/row.hpp"

namespace bell::compare {

[[nodiscard]] std::vector<Claim> judge(const std::vector<Row>& rows);

/// The trials: what read, poll and epoll leave of the count, and what overflows it.
[[nodiscard]] Claim read_clears_and_poll_does_not();
[[nodiscard]] Claim only_the_kernel_overflows();

inline constexpr const char* held = "true";
inline constexpr const char* refuted = "false";
inline constexpr const char* close = "too close to tell";
inline constexpr const char* unknown = "not measured";

}  // namespace bell::compare
