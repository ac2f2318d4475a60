// SPDX-License-Identifier: BSD-3-Clause
//
// How far the guest's clock is ahead of the host's: Clock finds that from one queue's records,
// JoinedClocks from all queues together. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "vdev/trace/passage.hpp"

namespace bellwire::trace {

// The guest's TSC runs at the same rate as the host's, with an offset. Each hop from one to the
// other bounds that offset on one side, since nothing arrives before it was sent. Some hops are
// certain, others only likely; likely ones refine the certain ones, but never overrule them.

/// A lower or upper bound of the offset, learned at host time `when`.
struct Bound {
  std::uint64_t when;
  std::int64_t value;
  bool is_least;
  bool sure;
};

class Clock {
 public:
  /// Both sides have one clock: no offset.
  Clock() = default;

  /// `span`: the recording's length in ticks, which is the uncertainty without bounds.
  Clock(std::vector<Bound> bounds, std::uint64_t span);

  /// Guest minus host, in ticks, at host time `when`.
  [[nodiscard]] std::int64_t offset(std::uint64_t when) const noexcept;

  /// How many ticks an offset may be wrong, in either direction.
  [[nodiscard]] std::uint64_t uncertainty() const noexcept { return uncertainty_; }

  /// Bounds that contradicted others; after a certain one, the search for the offset starts again.
  [[nodiscard]] unsigned contradictions() const noexcept { return contradictions_; }

 private:
  struct Piece {
    std::uint64_t from;
    std::optional<std::int64_t> least, most;
    std::int64_t middle = 0;

    [[nodiscard]] bool fits(const Bound& bound) const noexcept;
    void narrow(const Bound& bound) noexcept;
    [[nodiscard]] bool whole() const noexcept { return least && most; }
    [[nodiscard]] std::uint64_t gap() const noexcept {
      return static_cast<std::uint64_t>(*most) - static_cast<std::uint64_t>(*least);
    }
  };
  void split(const std::vector<Bound>& bounds);
  void refine(const std::vector<Bound>& bounds);
  [[nodiscard]] std::size_t place_of(std::uint64_t when) const noexcept;
  void settle(std::uint64_t span);

  std::vector<Piece> pieces_;  // one, unless the clocks drift apart
  std::uint64_t uncertainty_ = 0;
  unsigned contradictions_ = 0;
};

/// The guest's clock as each queue's records show it. Queues that agree in everything
/// share their bounds, which makes the offset more exact; a queue that contradicts itself or the
/// others keeps a clock of its own. So a hostile queue can't move another queue's times by more
/// than their uncertainty.
struct QueuePassage {
  std::size_t place;  ///< of the queue's records in the recording; differs between guests
  unsigned queue;
  Passage passage;
};

class JoinedClocks {
 public:
  /// Driver and device have one clock.
  JoinedClocks() = default;

  explicit JoinedClocks(std::vector<QueuePassage>& passages);

  [[nodiscard]] const Clock& of(std::size_t place) const noexcept;

  /// Whether the queue contradicts itself repeatedly while others don't, so that none of its times
  /// can be right.
  [[nodiscard]] bool nonsense(std::size_t place) const noexcept;

 private:
  struct Group {
    std::vector<Bound> bounds;
    Clock clock;
  };
  void join(std::size_t place, const std::vector<Bound>& bounds, const Clock& alone,
            std::uint64_t span);

  std::vector<Group> groups_;
  std::map<std::size_t, std::size_t> group_of_;  // by place
  std::set<std::size_t> nonsense_;
};

}  // namespace bellwire::trace
