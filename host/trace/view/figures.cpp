// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/figures.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <queue>

namespace bellwire::view {
namespace {

struct Times {
  std::vector<double> ns;
  double sum = 0;
  std::uint64_t backwards = 0;
};

constexpr Hop nowhere{stages.size(), 0};

bool whole_in(const Request& request, const Hop& way) {
  return way.from < way.to && request.at[way.from] && request.at[way.to];
}

// By queue: the first stage and the last that any of its requests came by.
std::map<std::uint32_t, Hop> whole_ways(const Trace& trace) {
  std::map<std::uint32_t, Hop> ways;
  for (const auto& request : trace.requests) {
    auto& way = ways.try_emplace(request.queue, nowhere).first->second;
    for (std::size_t stage = 0; stage < stages.size(); ++stage)
      if (request.at[stage]) way = {std::min(way.from, stage), std::max(way.to, stage)};
  }
  return ways;
}

// The one that most requests went from end to end, so that one queue's records of stages that the
// others have not don't make all the others' requests incomplete.
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

std::vector<Journey> journeys_of(const Trace& trace, const Hop& whole) {
  std::vector<Journey> journeys;
  for (std::size_t place = 0; place < trace.requests.size(); ++place) {
    const auto& at = trace.requests[place].at;
    if (whole_in(trace.requests[place], whole))
      journeys.push_back({place, *at[whole.from], *at[whole.to] - *at[whole.from]});
  }
  std::ranges::stable_sort(journeys, std::greater(), &Journey::ns);
  return journeys;
}

std::vector<HopFigures> hops_of(const Trace& trace, const Hop& whole,
                                const std::vector<Journey>& journeys) {
  std::map<Hop, Times> all;
  double sum = 0;
  for (const auto& journey : journeys) {
    sum += journey.ns;
    each_hop(trace.requests[journey.request], whole, [&all](const Hop& hop, double ns) {
      auto& times = all[hop];
      times.ns.push_back(ns);
      times.sum += ns;
      times.backwards += ns < 0 ? 1 : 0;
    });
  }
  std::vector<HopFigures> hops;
  for (auto& [hop, times] : all) {
    const auto spread = spread_of(std::move(times.ns));
    hops.push_back(
        {.hop = hop,
         .ns = spread,
         .share = sum > 0 ? times.sum / sum : 0,
         .backwards = times.backwards,
         .uncertain = crosses(hop) && std::abs(spread.p50) < trace.clock.uncertainty_ns});
  }
  return hops;
}

Spread depth_of(std::vector<Journey> journeys) {
  std::ranges::sort(journeys, std::less(), &Journey::began);
  std::priority_queue<double, std::vector<double>, std::greater<>> ends;
  std::vector<double> depths;
  for (const auto& journey : journeys) {
    while (!ends.empty() && ends.top() <= journey.began) ends.pop();
    ends.push(journey.began + journey.ns);
    depths.push_back(static_cast<double>(ends.size()));
  }
  return spread_of(std::move(depths));
}

Spread requests_of(const std::vector<Ring>& rings) {
  std::vector<double> requests;
  for (const auto& ring : rings) requests.push_back(ring.requests);
  return spread_of(std::move(requests));
}

double span_of(const std::vector<Journey>& journeys) {
  const auto end = [](const Journey& journey) { return journey.began + journey.ns; };
  const auto first = std::ranges::min(journeys, {}, &Journey::began);
  return end(std::ranges::max(journeys, {}, end)) - first.began;
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto percentile = [&values](double part) {
    const auto rank = std::ceil(part * static_cast<double>(values.size()));
    return values[static_cast<std::size_t>(rank) - 1];
  };
  return {values.size(), percentile(0.5), percentile(0.9), percentile(0.99), values.back()};
}

Result<Figures> figures_of(const Trace& trace, const std::string& name) {
  const auto whole = whole_way(trace);
  auto journeys = journeys_of(trace, whole);
  if (journeys.empty())
    return fault(std::errc::protocol_error,
                 "trace '{}': none of {} requests was recorded from its first stage to its last; "
                 "record for longer, while requests are under way",
                 name, trace.requests.size());
  std::vector<double> totals;
  for (const auto& journey : journeys) totals.push_back(journey.ns);
  Figures figures{.whole = whole,
                  .total = spread_of(std::move(totals)),
                  .hops = hops_of(trace, whole, journeys),
                  .journeys = {},
                  .incomplete = trace.requests.size() - journeys.size(),
                  .span_ns = span_of(journeys),
                  .depth = depth_of(journeys),
                  .doorbells = requests_of(trace.doorbells),
                  .interrupts = requests_of(trace.interrupts)};
  figures.journeys = std::move(journeys);
  return figures;
}

}  // namespace bellwire::view
