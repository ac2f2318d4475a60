// SPDX-License-Identifier: BSD-3-Clause
//
// The directions in which a mechanism of the lab is measured, on a stand that is open.
#pragma once

#include <array>

#include "guest-kmod/bell/compare/figures.hpp"
#include "guest-kmod/bell/compare/measure.hpp"
#include "guest-kmod/bell/compare/receiver.hpp"
#include "guest-kmod/bell/compare/stand.hpp"

namespace bell::compare {

/// Where numbers go that came with notifications.
using Room = std::array<std::uint64_t, most_at_once>;

inline constexpr std::uint32_t timer_gap_us = 50;  ///< the least that the module's timer takes

[[nodiscard]] Result<Figures> measure_kernel_to_user(Stand& stand, const Plan& plan);
[[nodiscard]] Result<Figures> measure_user_to_kernel(Stand& stand, const Plan& plan);
[[nodiscard]] Result<Figures> measure_round_trip(Stand& stand, const Plan& plan);

/// The thread of the stand's job.
[[nodiscard]] Result<Watched> kernel_thread(const Stand& stand);

}  // namespace bell::compare
