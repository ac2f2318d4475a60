// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/trace/timeline.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "vdev/trace/clock.hpp"
#include "vdev/trace/records.hpp"

namespace bellwire::trace {
namespace {

using Time = std::uint64_t;  // ticks of the host

constexpr double late_ns = 1e9;  // a side may be preempted between its reading of the clock
                                 // and its record

// The times of the recording itself, and a little more.
Window possible_times(const Recording& recording) {
  constexpr auto latest = std::numeric_limits<Time>::max();
  const auto late = static_cast<Time>(late_ns * std::clamp(recording.ticks_per_ns, 0.0, 1e3));
  const auto [began, ended] = recording.window;
  return {began - std::min(began, late), ended + std::min(latest - ended, late)};
}

bool holds(const Window& window, Time at) {
  return at >= window.began && at <= window.ended;
}

class Maker {
 public:
  Maker(const Recording& recording, Clocks clocks)
      : recording_(recording), window_(possible_times(recording)) {
    collect_passages();
    if (clocks == Clocks::guest) clocks_ = JoinedClocks(passages_);
  }

  Timeline make() {
    for (auto& each : passages_) {
      left_out_[each.queue].records += each.passage.impossible();
      add_journeys(each);
      const bool module = each.passage.has(BELLWIRE_MODULE);
      add_calls(each, module ? BELLWIRE_RUNG : BELLWIRE_WOKEN, doorbells_);
      add_calls(each, module ? BELLWIRE_INTERRUPTED : BELLWIRE_RAISED, interrupts_);
      add_recoveries(each);
    }
    std::ranges::stable_sort(journeys_, {}, began);
    const auto when = [](const auto& each) { return static_cast<std::int64_t>(each.at); };
    for (auto* const calls : {&doorbells_, &interrupts_})
      std::ranges::stable_sort(*calls, {}, when);
    std::ranges::stable_sort(recovered_, {}, when);
    return build();
  }

 private:
  struct Found {
    std::size_t place;
    unsigned queue;
    std::uint32_t index;
    Stamps at;  // of the host
  };
  struct FoundCall {
    unsigned queue;
    Time at;
    std::uint32_t requests;
  };

  struct FoundRecovery {
    unsigned queue;
    Time at;
    bellwire_recovery what;
    std::uint32_t index;
  };

  // Signed: a guest's clock may be found to be a little ahead of a host that has just started.
  static std::int64_t began(const Found& found) {
    for (const auto& at : found.at)
      if (at) return static_cast<std::int64_t>(*at);
    return 0;
  }

  // By generation, from the records that the device can have made.
  void collect_passages() {
    for (std::size_t place = 0; place < recording_.queues.size(); ++place) {
      const auto& queue = recording_.queues[place];
      std::map<std::uint16_t, SideRecords> generations;
      for (std::size_t side = 0; side < BELLWIRE_SIDES; ++side)
        for (const auto& record : queue.of[side]) {
          if (side == BELLWIRE_DEVICE && !holds(window_, record.ticks))
            ++left_out_[queue.queue].records;
          else
            generations[record.generation][side].push_back(record);
        }
      for (const auto& [generation, records] : generations)
        passages_.push_back({place, queue.queue, Passage(records)});
    }
  }

  // A guest's ticks are close enough to the host's to find the piece of the clock.
  static Time on_hosts_clock(const Clock& clock, bellwire_stage stage, Time ticks,
                             std::optional<Time> near) {
    if (on_host(stage)) return ticks;
    const auto when = near.value_or(ticks - static_cast<Time>(clock.offset(ticks)));
    return ticks - static_cast<Time>(clock.offset(when));
  }

  void add_journeys(QueuePassage& each) {
    auto& passage = each.passage;
    const auto& clock = clocks_.of(each.place);
    const bool nonsense = clocks_.nonsense(each.place);
    for (const auto& [key, request] : passage.requests()) {
      Found found{each.place, each.queue, passage.index_of(key), request.at};
      const auto first = passage.has(BELLWIRE_PROCESS) ? BELLWIRE_SUBMITTED : BELLWIRE_TAKEN;
      if (!found.at[first]) continue;
      const auto near = found.at[BELLWIRE_TAKEN];
      bool possible = !nonsense;
      for (std::size_t stage = 0; stage < BELLWIRE_STAGES; ++stage)
        if (auto& at = found.at[stage]) {
          at = on_hosts_clock(clock, static_cast<bellwire_stage>(stage), *at, near);
          possible = possible && holds(window_, *at);
        }
      if (!possible) {
        ++left_out_[each.queue].requests;
        continue;
      }
      drop_unlikely(found.at);
      journeys_.push_back(found);
    }
  }

  // A stage that is unlikely by the clock belongs to another request.
  static void drop_unlikely(Stamps& at) {
    const auto late = [&](bellwire_stage from, bellwire_stage to) {
      return at[from] && at[to] && static_cast<std::int64_t>(*at[from] - *at[to]) > 0;
    };
    if (late(BELLWIRE_RUNG, BELLWIRE_WOKEN)) at[BELLWIRE_KICKED] = at[BELLWIRE_RUNG] = {};
    if (late(BELLWIRE_RAISED, BELLWIRE_INTERRUPTED)) at[BELLWIRE_RAISED] = {};
  }

  void add_calls(const QueuePassage& each, bellwire_stage stage, std::vector<FoundCall>& calls) {
    const auto& clock = clocks_.of(each.place);
    for (const auto& [ticks, requests] : each.passage.signals(stage)) {
      const auto at = on_hosts_clock(clock, stage, ticks, {});
      if (!clocks_.nonsense(each.place) && holds(window_, at))
        calls.push_back({each.queue, at, requests});
      else
        ++left_out_[each.queue].records;
    }
  }

  void add_recoveries(const QueuePassage& each) {
    const auto& clock = clocks_.of(each.place);
    for (const auto& [what, ticks, index] : each.passage.recoveries()) {
      const auto at = on_hosts_clock(clock, BELLWIRE_INTERRUPTED, ticks, {});
      if (!clocks_.nonsense(each.place) && holds(window_, at))
        recovered_.push_back({each.queue, at, what, index});
      else
        ++left_out_[each.queue].records;
    }
  }

  [[nodiscard]] Timeline build() const {
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
    for (const auto& fault : recording_.faults)
      timeline.faults.push_back({fault.queue, ns(fault.ticks), fault.what, fault.request});
    for (const auto& each : recovered_)
      timeline.recovered.push_back({each.queue, ns(each.at), each.what, each.index});
    add_clocks(start, timeline);
    for (const auto& [queue, left] : left_out_)
      if (left.requests + left.records > 0)
        timeline.left_out.push_back({queue, left.requests, left.records});
    return timeline;
  }

  // Adds the clocks by which requests of the timeline were timed.
  void add_clocks(Time start, Timeline& timeline) const {
    std::set<const Clock*> used;
    for (const auto& found : journeys_) used.insert(&clocks_.of(found.place));
    Time uncertainty = 0;
    for (const auto* const clock : used) {
      uncertainty = std::max(uncertainty, clock->uncertainty());
      timeline.contradictions += clock->contradictions();
    }
    timeline.uncertainty_ns = static_cast<double>(uncertainty) / timeline.ticks_per_ns;
    if (!journeys_.empty())
      timeline.offset_ticks = clocks_.of(journeys_.front().place).offset(start);
  }

  struct Left {
    std::uint64_t requests = 0, records = 0;
  };

  const Recording& recording_;
  const Window window_;
  std::map<unsigned, Left> left_out_;  // by queue
  std::vector<QueuePassage> passages_;
  JoinedClocks clocks_;
  std::vector<Found> journeys_;
  std::vector<FoundCall> doorbells_, interrupts_;
  std::vector<FoundRecovery> recovered_;
};

}  // namespace

Timeline make_timeline(const Recording& recording, Clocks clocks) {
  return Maker(recording, clocks).make();
}

}  // namespace bellwire::trace
