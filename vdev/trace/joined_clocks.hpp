// SPDX-License-Identifier: BSD-3-Clause
//
// JoinedClocks: the guest's clock as each queue's records show it. Queues that agree in everything
// share what they know, which makes the offset more exact; a queue that contradicts itself or the
// others keeps a clock of its own. So a queue's nonsense moves nobody else's times by more than
// these were uncertain by anyway.
#pragma once

#include <map>
#include <set>

#include "vdev/trace/clock.hpp"
#include "vdev/trace/passage.hpp"

namespace bellwire::trace {

struct QueuePassage {
  std::size_t place;  ///< of the queue's records in the recording: another guest's have another
  unsigned queue;
  Passage passage;
};

class JoinedClocks {
 public:
  /// Driver and device have one clock.
  JoinedClocks() = default;

  explicit JoinedClocks(std::vector<QueuePassage>& passages);

  [[nodiscard]] const Clock& of(std::size_t place) const noexcept;

  /// Whether the queue contradicts itself time and again, while others don't: nothing that it says
  /// of times can be right.
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
