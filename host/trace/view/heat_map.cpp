// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/heat_map.hpp"

#include <algorithm>
#include <cmath>

namespace bellwire::view {
namespace {

constexpr double shortest_ns = 1;  // what takes less is shown as that

// Where `part` of the whole is, of so many.
unsigned place(double part, unsigned count) {
  return static_cast<unsigned>(std::clamp(part * count, 0.0, count - 1.0));
}

double time_of(const Journey& journey) {
  return std::max(journey.ns, shortest_ns);
}

}  // namespace

HeatMap heat_map_of(const Figures& figures) {
  const auto& journeys = figures.journeys;  // the slowest first
  const auto began = std::ranges::min(journeys, {}, &Journey::began).began;
  const auto ended = std::ranges::max(journeys, {}, &Journey::began).began;
  HeatMap map{.began = began,
              .span_ns = std::max(ended - began, shortest_ns),
              .least_ns = time_of(journeys.back()),
              .most_ns = std::max(time_of(journeys.front()), 2 * time_of(journeys.back())),
              .cells = {}};
  const auto octaves = std::log(map.most_ns / map.least_ns);
  for (const auto& journey : journeys) {
    const auto high = std::log(time_of(journey) / map.least_ns) / octaves;
    const HeatMap::Cell cell{place((journey.began - began) / map.span_ns, HeatMap::columns),
                             place(high, HeatMap::rows)};
    auto& heat = map.cells[cell];
    if (heat.requests++ == 0) heat.slowest = journey;
  }
  return map;
}

}  // namespace bellwire::view
