// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/trace/clock.hpp"

#include <algorithm>

namespace bellwire::trace {

Clock::Clock(std::vector<Bound> bounds, std::uint64_t span) {
  std::ranges::stable_sort(bounds, {}, &Bound::when);
  split(bounds);
  refine(bounds);
  settle(span);
}

bool Clock::Piece::fits(const Bound& bound) const noexcept {
  return bound.is_least ? !most || bound.value <= *most : !least || bound.value >= *least;
}

void Clock::Piece::narrow(const Bound& bound) noexcept {
  if (bound.is_least)
    least = std::max(least.value_or(bound.value), bound.value);
  else
    most = std::min(most.value_or(bound.value), bound.value);
}

void Clock::split(const std::vector<Bound>& bounds) {
  for (const auto& bound : bounds) {
    if (!bound.sure) continue;
    const bool fits = !pieces_.empty() && pieces_.back().fits(bound);
    if (!fits && !pieces_.empty()) ++contradictions_;
    if (!fits) pieces_.push_back({.from = bound.when, .least = {}, .most = {}});
    pieces_.back().narrow(bound);
  }
}

void Clock::refine(const std::vector<Bound>& bounds) {
  for (const auto& bound : bounds) {
    if (bound.sure || pieces_.empty()) continue;
    auto& piece = pieces_[place_of(bound.when)];
    if (piece.fits(bound))
      piece.narrow(bound);
    else
      ++contradictions_;
  }
}

// A piece that is bounded from one side only takes what is nearest to the one before.
void Clock::settle(std::uint64_t span) {
  std::optional<std::int64_t> last;
  bool known = false;
  for (auto& piece : pieces_) {
    if (piece.whole()) {
      piece.middle =
          static_cast<std::int64_t>(static_cast<std::uint64_t>(*piece.least) + piece.gap() / 2);
      uncertainty_ = std::max(uncertainty_, (piece.gap() + 1) / 2);
      known = true;
    } else if (piece.least) {
      piece.middle = std::max(last.value_or(*piece.least), *piece.least);
    } else {
      piece.middle = std::min(last.value_or(*piece.most), *piece.most);
    }
    last = piece.middle;
  }
  if (!known && !pieces_.empty()) uncertainty_ = span;
}

std::size_t Clock::place_of(std::uint64_t when) const noexcept {
  const auto later = std::ranges::upper_bound(pieces_, when, {}, &Piece::from);
  return later == pieces_.begin() ? 0 : static_cast<std::size_t>(later - pieces_.begin()) - 1;
}

std::int64_t Clock::offset(std::uint64_t when) const noexcept {
  return pieces_.empty() ? 0 : pieces_[place_of(when)].middle;
}

}  // namespace bellwire::trace
