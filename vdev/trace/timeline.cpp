// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/trace/timeline.hpp"

#include <algorithm>
#include <limits>

#include "vdev/trace/passage.hpp"
#include "vdev/trace/stages.hpp"

namespace bellwire::trace {
namespace {

using Time = std::uint64_t;  // ticks of the host

// A hop from one side to the other. `sure`: the later stage is recorded by who saw the earlier one.
struct Hop {
  bellwire_stage from, to;
  bool sure;
};

constexpr Hop hops[] = {
    {BELLWIRE_SUBMITTED, BELLWIRE_TAKEN, true},    {BELLWIRE_SUBMITTED, BELLWIRE_WOKEN, true},
    {BELLWIRE_RUNG, BELLWIRE_WOKEN, false},        {BELLWIRE_POSTED, BELLWIRE_CONSUMED, true},
    {BELLWIRE_POSTED, BELLWIRE_INTERRUPTED, true}, {BELLWIRE_RAISED, BELLWIRE_INTERRUPTED, false},
};

bool on_host(bellwire_stage stage) {
  return stages[stage].side == BELLWIRE_DEVICE;
}

struct QueuePassage {
  unsigned queue;
  Passage passage;
};

std::vector<QueuePassage> passages_of(const Recording& recording) {
  std::vector<QueuePassage> list;
  for (const auto& queue : recording.queues) {
    std::map<std::uint16_t, SideRecords> generations;
    for (std::size_t side = 0; side < BELLWIRE_SIDES; ++side)
      for (const auto& record : queue.of[side])
        generations[record.generation][side].push_back(record);
    for (const auto& [generation, records] : generations)
      list.push_back({queue.queue, Passage(records)});
  }
  return list;
}

// Whether a hop is likely what it seems: no other doorbell, or interrupt, was on its way. For the
// request before went that way, too, and was done before this one was submitted.
bool likely(const Hop& hop, const Stamps& before, const Stamps& at) {
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

Clock compare_clocks(std::vector<QueuePassage>& passages) {
  std::vector<Bound> bounds;
  Time first = std::numeric_limits<Time>::max();
  Time last = 0;
  for (auto& [queue, passage] : passages) {
    Stamps before;
    for (const auto& [key, request] : passage.requests()) {
      add_bounds(before, request.at, bounds);
      before = request.at;
      for (const auto stage : {BELLWIRE_TAKEN, BELLWIRE_POSTED})
        if (const auto at = request.at[stage]) {
          first = std::min(first, *at);
          last = std::max(last, *at);
        }
    }
  }
  return {std::move(bounds), last > first ? last - first : 0};
}

class Maker {
 public:
  Maker(const Recording& recording, std::vector<QueuePassage> passages, Clock clock)
      : recording_(recording), passages_(std::move(passages)), clock_(std::move(clock)) {}

  Timeline make() {
    for (auto& [queue, passage] : passages_) {
      add_journeys(queue, passage);
      const bool module = passage.has(BELLWIRE_MODULE);
      add_calls(queue, passage, module ? BELLWIRE_RUNG : BELLWIRE_WOKEN, doorbells_);
      add_calls(queue, passage, module ? BELLWIRE_INTERRUPTED : BELLWIRE_RAISED, interrupts_);
    }
    std::ranges::stable_sort(journeys_, {}, began);
    return told();
  }

 private:
  struct Found {
    unsigned queue;
    std::uint32_t index;
    Stamps at;  // of the host
  };
  struct FoundCall {
    unsigned queue;
    Time at;
    std::uint32_t requests;
  };

  static std::int64_t began(const Found& found) {
    for (const auto& at : found.at)
      if (at) return static_cast<std::int64_t>(*at);
    return 0;
  }

  // Guest's ticks bring their own time: near enough to find the piece of the clock.
  [[nodiscard]] Time on_hosts_clock(bellwire_stage stage, Time ticks,
                                    std::optional<Time> near) const {
    if (on_host(stage)) return ticks;
    const auto when = near.value_or(ticks - static_cast<Time>(clock_.offset(ticks)));
    return ticks - static_cast<Time>(clock_.offset(when));
  }

  void add_journeys(unsigned queue, Passage& passage) {
    for (const auto& [key, request] : passage.requests()) {
      Found found{queue, passage.index_of(key), request.at};
      const auto first = passage.has(BELLWIRE_PROCESS) ? BELLWIRE_SUBMITTED : BELLWIRE_TAKEN;
      if (!found.at[first]) continue;
      const auto near = found.at[BELLWIRE_TAKEN];
      for (std::size_t stage = 0; stage < BELLWIRE_STAGES; ++stage)
        if (auto& at = found.at[stage])
          at = on_hosts_clock(static_cast<bellwire_stage>(stage), *at, near);
      drop_unlikely(found.at);
      journeys_.push_back(found);
    }
  }

  // What isn't likely by the clock was of another request.
  static void drop_unlikely(Stamps& at) {
    const auto late = [&](bellwire_stage from, bellwire_stage to) {
      return at[from] && at[to] && static_cast<std::int64_t>(*at[from] - *at[to]) > 0;
    };
    if (late(BELLWIRE_RUNG, BELLWIRE_WOKEN)) at[BELLWIRE_KICKED] = at[BELLWIRE_RUNG] = {};
    if (late(BELLWIRE_RAISED, BELLWIRE_INTERRUPTED)) at[BELLWIRE_RAISED] = {};
  }

  void add_calls(unsigned queue, const Passage& passage, bellwire_stage stage,
                 std::vector<FoundCall>& calls) const {
    for (const auto& [ticks, requests] : passage.signals(stage))
      calls.push_back({queue, on_hosts_clock(stage, ticks, {}), requests});
    std::ranges::stable_sort(
        calls, {}, [](const FoundCall& call) { return static_cast<std::int64_t>(call.at); });
  }

  [[nodiscard]] Timeline told() const {
    Timeline timeline;
    timeline.lost = recording_.lost;
    timeline.ticks_per_ns = recording_.ticks_per_ns;
    const auto start = journeys_.empty() ? 0 : static_cast<Time>(began(journeys_.front()));
    const auto ns = [&](Time at) {
      return static_cast<double>(static_cast<std::int64_t>(at - start)) / timeline.ticks_per_ns;
    };
    for (const auto& found : journeys_) {
      auto& journey = timeline.journeys.emplace_back(Journey{found.queue, found.index, {}});
      for (std::size_t stage = 0; stage < BELLWIRE_STAGES; ++stage)
        if (found.at[stage]) journey.at[stage] = ns(*found.at[stage]);
    }
    for (const auto& call : doorbells_)
      timeline.doorbells.push_back({call.queue, ns(call.at), call.requests});
    for (const auto& call : interrupts_)
      timeline.interrupts.push_back({call.queue, ns(call.at), call.requests});
    timeline.offset_ticks = clock_.offset(start);
    timeline.uncertainty_ns = static_cast<double>(clock_.uncertainty()) / timeline.ticks_per_ns;
    timeline.contradictions = clock_.contradictions();
    return timeline;
  }

  const Recording& recording_;
  std::vector<QueuePassage> passages_;
  Clock clock_;
  std::vector<Found> journeys_;
  std::vector<FoundCall> doorbells_, interrupts_;
};

}  // namespace

Timeline make_timeline(const Recording& recording, Clocks clocks) {
  auto passages = passages_of(recording);
  auto clock = clocks == Clocks::one ? Clock() : compare_clocks(passages);
  return Maker(recording, std::move(passages), std::move(clock)).make();
}

}  // namespace bellwire::trace
