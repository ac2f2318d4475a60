// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/figures.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <queue>

#include "vdev/ring/trace.hpp"

namespace bellwire::view {
namespace {

struct HopTimes {
  std::vector<double> ns;
  double sum = 0;
  std::uint64_t backwards = 0;
};

constexpr Hop nowhere{stages.size(), 0};

bool whole_in(const TracedRequest& request, const Hop& way) {
  return way.from < way.to && request.at[way.from] && request.at[way.to];
}

// What a queue's requests passed: any stage, or one that every request passes.
struct Passed {
  Hop any = nowhere, every = nowhere;
  /// From the widest to the narrowest.
  [[nodiscard]] std::array<Hop, 4> ways() const {
    return {any, {any.from, every.to}, {every.from, any.to}, every};
  }
};

void widen(Hop& way, std::size_t stage) {
  way = {std::min(way.from, stage), std::max(way.to, stage)};
}

std::map<std::uint32_t, Passed> passed_by_queue(const Trace& trace) {
  std::map<std::uint32_t, Passed> queues;
  for (const auto& request : trace.requests) {
    auto& passed = queues[request.queue];
    for (std::size_t stage = 0; stage < stages.size(); ++stage) {
      if (!request.at[stage]) continue;
      widen(passed.any, stage);
      if (ring::stage_of_request(static_cast<bellwire_stage>(stage))) widen(passed.every, stage);
    }
  }
  return queues;
}

// By queue: the widest way that nearly all of its requests went whole. Where the device alone
// recorded, a request that was taken while the device was awake has no wake-up, and one whose
// driver wanted no interrupt has none.
std::map<std::uint32_t, Hop> whole_ways(const Trace& trace) {
  const auto queues = passed_by_queue(trace);
  std::map<std::uint32_t, std::array<std::size_t, 4>> counts;
  for (const auto& request : trace.requests) {
    const auto ways = queues.at(request.queue).ways();
    for (std::size_t which = 0; which < ways.size(); ++which)
      counts[request.queue][which] += whole_in(request, ways[which]) ? 1 : 0;
  }
  std::map<std::uint32_t, Hop> whole;
  for (const auto& [queue, passed] : queues) {
    const auto enough = [most = counts[queue].back()](std::size_t count) {
      return 10 * count >= 9 * most;
    };
    const auto found = std::ranges::find_if(counts[queue], enough) - counts[queue].begin();
    whole[queue] = passed.ways()[static_cast<std::size_t>(found)];
  }
  return whole;
}

// The pair of stages that most requests span, so that stages that only one queue recorded do not
// make the other queues' requests incomplete.
Hop whole_way(const Trace& trace) {
  const auto ways = whole_ways(trace);
  std::map<Hop, std::size_t> requests;
  for (const auto& request : trace.requests) {
    const auto& way = ways.at(request.queue);
    requests[way] += whole_in(request, way) ? 1 : 0;
  }
  Hop whole = nowhere;
  std::size_t most = 0;
  for (const auto& [way, count] : requests)
    if (count > most) {
      whole = way;
      most = count;
    }
  return whole;
}

std::vector<WholeRequest> whole_requests_of(const Trace& trace, const Hop& whole) {
  std::vector<WholeRequest> whole_requests;
  for (std::size_t place = 0; place < trace.requests.size(); ++place) {
    const auto& at = trace.requests[place].at;
    if (whole_in(trace.requests[place], whole))
      whole_requests.push_back({place, *at[whole.from], *at[whole.to] - *at[whole.from]});
  }
  std::ranges::stable_sort(whole_requests, std::greater(), &WholeRequest::ns);
  return whole_requests;
}

std::vector<HopFigures> hops_of(const Trace& trace, const Hop& whole,
                                const std::vector<WholeRequest>& whole_requests) {
  std::map<Hop, HopTimes> all;
  double sum = 0;
  for (const auto& timed : whole_requests) {
    sum += timed.ns;
    each_hop(trace.requests[timed.request], whole, [&all](const Hop& hop, double ns) {
      auto& times = all[hop];
      times.ns.push_back(ns);
      times.sum += ns;
      times.backwards += ns < 0 ? 1 : 0;
    });
  }
  std::vector<HopFigures> hops;
  for (auto& [hop, times] : all) {
    const auto summary = summarize(std::move(times.ns));
    hops.push_back(
        {.hop = hop,
         .ns = summary,
         .share = sum > 0 ? times.sum / sum : 0,
         .backwards = times.backwards,
         .uncertain = crosses(hop) && std::abs(summary.p50) < trace.clock.uncertainty_ns});
  }
  return hops;
}

Summary depth_of(std::vector<WholeRequest> whole_requests) {
  std::ranges::sort(whole_requests, std::less(), &WholeRequest::began);
  std::priority_queue<double, std::vector<double>, std::greater<>> ends;
  std::vector<double> depths;
  for (const auto& timed : whole_requests) {
    while (!ends.empty() && ends.top() <= timed.began) ends.pop();
    ends.push(timed.began + timed.ns);
    depths.push_back(static_cast<double>(ends.size()));
  }
  return summarize(std::move(depths));
}

Summary requests_of(const std::vector<TracedSignal>& rings) {
  std::vector<double> requests;
  for (const auto& ring : rings) requests.push_back(ring.requests);
  return summarize(std::move(requests));
}

double span_of(const std::vector<WholeRequest>& whole_requests) {
  const auto end = [](const WholeRequest& timed) { return timed.began + timed.ns; };
  const auto first = std::ranges::min(whole_requests, {}, &WholeRequest::began);
  return end(std::ranges::max(whole_requests, {}, end)) - first.began;
}

}  // namespace

Result<Figures> figures_of(const Trace& trace, const std::string& name) {
  const auto whole = whole_way(trace);
  auto whole_requests = whole_requests_of(trace, whole);
  if (whole_requests.empty())
    return fault(std::errc::protocol_error,
                 "trace '{}': none of {} requests was recorded from its first stage to its last; "
                 "record for longer, while requests are under way",
                 name, trace.requests.size());
  std::vector<double> totals;
  for (const auto& timed : whole_requests) totals.push_back(timed.ns);
  Figures figures{.whole = whole,
                  .total = summarize(std::move(totals)),
                  .hops = hops_of(trace, whole, whole_requests),
                  .requests = {},
                  .incomplete = trace.requests.size() - whole_requests.size(),
                  .span_ns = span_of(whole_requests),
                  .depth = depth_of(whole_requests),
                  .doorbells = requests_of(trace.doorbells),
                  .interrupts = requests_of(trace.interrupts)};
  figures.requests = std::move(whole_requests);
  return figures;
}

}  // namespace bellwire::view
