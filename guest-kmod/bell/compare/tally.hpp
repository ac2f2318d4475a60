// SPDX-License-Identifier: BSD-3-Clause
//
// Tally: what a receiver saw of the notifications, which are numbered from 1.
#pragma once

#include "guest-kmod/bell/compare/channel.hpp"
#include "guest-kmod/bell/compare/figures.hpp"

namespace bell::compare {

struct Tally {
  std::uint64_t taken = 0;       ///< notifications
  std::uint64_t waits = 0;       ///< that they came in
  std::uint64_t numbers = 0;     ///< that they carried
  std::uint64_t sum = 0;         ///< of these numbers
  std::uint64_t disordered = 0;  ///< numbers that were not above the last
  std::uint64_t last = 0;

  void note(const Taken& what, std::span<const std::uint64_t> numbers_taken) noexcept {
    for (const auto number : numbers_taken.first(what.numbers)) {
      disordered += number <= last ? 1 : 0;
      sum += number;
      last = number;
    }
    numbers += what.numbers;
    ++waits;
    taken += what.count;
  }

  /// When `sent` had been sent, and nothing more came.
  [[nodiscard]] Semantics semantics(std::uint64_t sent) const noexcept {
    const bool data = numbers == taken;
    return {.coalesces = waits < taken,
            .carries_data = data,
            .data_right = !data || taken < sent || sum == sent * (sent + 1) / 2,
            .keeps_order = data ? std::optional(disordered == 0) : std::nullopt,
            .from_hardirq = {}};
  }
};

}  // namespace bell::compare
