// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/trace/clock.hpp"

#include <algorithm>
#include <functional>
#include <limits>

#include "vdev/trace/records.hpp"

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

// A piece that is bounded on one side only takes the offset nearest to that of the piece before.
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

namespace {

// A hop from one side to the other. `sure`: the side that records the later stage has seen the
// earlier one.
struct BoundingHop {
  bellwire_stage from, to;
  bool sure;
};

constexpr BoundingHop hops[] = {
    {BELLWIRE_SUBMITTED, BELLWIRE_TAKEN, true},    {BELLWIRE_SUBMITTED, BELLWIRE_WOKEN, true},
    {BELLWIRE_RUNG, BELLWIRE_WOKEN, false},        {BELLWIRE_POSTED, BELLWIRE_CONSUMED, true},
    {BELLWIRE_POSTED, BELLWIRE_INTERRUPTED, true}, {BELLWIRE_RAISED, BELLWIRE_INTERRUPTED, false},
};

// What one queue's requests say about the clocks.
struct Said {
  std::size_t place;
  std::size_t requests = 0;
  std::vector<Bound> bounds = {};
};

// Whether a hop can be attributed: no other doorbell, or interrupt, was under way, since the
// request before took the same hop and was done before this one was submitted.
bool likely(const BoundingHop& hop, const Stamps& before, const Stamps& at) {
  return before[hop.from] && before[hop.to] && before[BELLWIRE_CONSUMED] &&
         at[BELLWIRE_SUBMITTED] && *before[BELLWIRE_CONSUMED] <= *at[BELLWIRE_SUBMITTED];
}

void add_bounds(const Stamps& before, const Stamps& at, std::vector<Bound>& bounds) {
  for (const auto& hop : hops) {
    if (!at[hop.from] || !at[hop.to] || !(hop.sure || likely(hop, before, at))) continue;
    const bool to_host = on_host(hop.to);
    const auto host = to_host ? *at[hop.to] : *at[hop.from];
    const auto guest = to_host ? *at[hop.from] : *at[hop.to];
    bounds.push_back({.when = host,
                      .value = static_cast<std::int64_t>(guest - host),
                      .is_least = to_host,
                      .sure = hop.sure});
  }
}

std::vector<Said> said_by_each(std::vector<QueuePassage>& passages) {
  std::vector<Said> all;
  for (auto& [place, queue, passage] : passages) {
    if (all.empty() || all.back().place != place) all.push_back({.place = place});
    auto& said = all.back();
    Stamps before;
    for (const auto& [key, request] : passage.requests()) {
      add_bounds(before, request.at, said.bounds);
      before = request.at;
      ++said.requests;
    }
  }
  return all;
}

// The time from the first to the last stage that the device recorded.
std::uint64_t span_of(std::vector<QueuePassage>& passages) {
  auto first = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t last = 0;
  for (auto& [place, queue, passage] : passages)
    for (const auto& [key, request] : passage.requests())
      for (const auto stage : {BELLWIRE_TAKEN, BELLWIRE_POSTED})
        if (const auto at = request.at[stage]) {
          first = std::min(first, *at);
          last = std::max(last, *at);
        }
  return last > first ? last - first : 0;
}

// Clocks that drift contradict themselves now and then; invented times do so everywhere.
bool contradicts_itself(const Said& said, const Clock& clock) {
  return clock.contradictions() > said.requests / 2;
}

}  // namespace

JoinedClocks::JoinedClocks(std::vector<QueuePassage>& passages) {
  const auto span = span_of(passages);
  auto all = said_by_each(passages);
  std::ranges::stable_sort(all, std::greater(),
                           [](const Said& said) { return said.bounds.size(); });
  std::vector<std::pair<Said*, Clock>> odd;
  for (auto& said : all) {
    Clock alone(said.bounds, span);
    if (contradicts_itself(said, alone))
      odd.emplace_back(&said, std::move(alone));
    else
      join(said.place, said.bounds, alone, span);
  }
  const bool others_agree = !groups_.empty();
  for (auto& [said, clock] : odd) {
    if (others_agree) nonsense_.insert(said->place);
    group_of_[said->place] = groups_.size();
    groups_.push_back({std::move(said->bounds), std::move(clock)});
  }
}

void JoinedClocks::join(std::size_t place, const std::vector<Bound>& bounds, const Clock& alone,
                        std::uint64_t span) {
  for (std::size_t which = 0; which < groups_.size(); ++which) {
    auto& group = groups_[which];
    auto together = group.bounds;
    together.insert(together.end(), bounds.begin(), bounds.end());
    Clock joined(together, span);
    if (joined.contradictions() > 0) continue;
    group = {std::move(together), std::move(joined)};
    group_of_[place] = which;
    return;
  }
  group_of_[place] = groups_.size();
  groups_.push_back({bounds, alone});
}

const Clock& JoinedClocks::of(std::size_t place) const noexcept {
  static const Clock one;
  const auto found = group_of_.find(place);
  return found == group_of_.end() ? one : groups_[found->second].clock;
}

bool JoinedClocks::nonsense(std::size_t place) const noexcept {
  return nonsense_.contains(place);
}

}  // namespace bellwire::trace
