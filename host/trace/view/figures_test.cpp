// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/figures.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <numeric>

#include "host/trace/testing/trace_builder.hpp"
#include "host/trace/view/page.hpp"

using namespace bellwire;
using namespace bellwire::view;

namespace {

constexpr Hop to_doorbell{1, 2}, to_device{2, 3};

Figures figures(const Trace& trace) {
  return figures_of(trace, "run.json").value();
}

const HopFigures& figures_of_hop(const Figures& all, Hop hop) {
  const auto found = std::ranges::find(all.hops, hop, &HopFigures::hop);
  REQUIRE(found != all.hops.end());
  return *found;
}

// 100 requests, one after the other; the doorbell of the nth takes n ns.
Trace hundred() {
  std::vector<Times> requests;
  for (int number = 1; number <= 100; ++number) {
    auto times = steady(20'000.0 * number);
    for (std::size_t stage = 2; stage < stages.size(); ++stage) times[stage] += number - 1000;
    requests.push_back(times);
  }
  return trace_of(requests);
}

}  // namespace

TEST_CASE("each hop has its times, and all shares together are the whole") {
  const auto all = figures(hundred());
  CHECK(all.hops.size() == 10);
  const auto& doorbell = figures_of_hop(all, to_doorbell).ns;
  CHECK(doorbell.count == 100);
  CHECK(doorbell.p50 == 50);
  CHECK(doorbell.p90 == 90);
  CHECK(doorbell.p99 == 99);
  CHECK(doorbell.max == 100);
  CHECK(figures_of_hop(all, to_device).ns.p50 == 1000);
  CHECK(all.total.p50 == 9050);
  const auto shares = std::accumulate(all.hops.begin(), all.hops.end(), 0.0,
                                      [](double sum, auto& hop) { return sum + hop.share; });
  CHECK(shares == doctest::Approx(1));
  CHECK(all.requests.front().request == 99);
  CHECK(all.requests.back().request == 0);
  CHECK(all.span_ns == 99 * 20'000 + 9100);
}

TEST_CASE("a stage that a request didn't come by makes a longer hop") {
  auto polled = steady(20'000);
  polled[1] = polled[2] = polled[3] = absent;
  const auto all = figures(trace_of({steady(0), polled}));
  CHECK(figures_of_hop(all, {0, 1}).ns.count == 1);
  CHECK(figures_of_hop(all, {0, 4}).ns.p50 == 4000);
  CHECK(all.hops[0].hop == Hop{0, 1});
  CHECK(all.hops[1].hop == Hop{0, 4});
}

TEST_CASE("requests that were not recorded completely are left out, and counted") {
  auto half = steady(20'000);
  half[10] = absent;
  const auto all = figures(trace_of({steady(0), half}));
  CHECK(all.incomplete == 1);
  CHECK(all.total.count == 1);
  CHECK(all.depth.count == 1);

  Times ends;
  ends.fill(absent);
  half[10] = absent;
  ends[10] = 5;
  const auto none = figures_of(trace_of({half, ends}), "run.json");
  REQUIRE(none.has_error());
  CHECK(none.error().message.starts_with("trace 'run.json': none of 2 requests"));
  CHECK(figures_of(trace_of({}), "run.json").has_error());
}

TEST_CASE("where the device alone recorded, the ends are those that nearly all requests have") {
  const auto device_alone = [](int woken, int raised) {
    std::vector<Times> requests;
    for (int number = 0; number < 100; ++number) {
      auto times = steady(20'000.0 * number);
      for (const std::size_t stage : {0U, 1U, 2U, 7U, 8U, 9U, 10U}) times[stage] = absent;
      if (number >= woken) times[BELLWIRE_WOKEN] = absent;
      if (number >= raised) times[BELLWIRE_RAISED] = absent;
      requests.push_back(times);
    }
    const auto all = figures(trace_of(requests));
    return std::pair{all.whole, all.incomplete};
  };
  using Found = std::pair<Hop, std::size_t>;
  CHECK(device_alone(100, 100) == Found{{BELLWIRE_WOKEN, BELLWIRE_RAISED}, 0});
  CHECK(device_alone(98, 100) == Found{{BELLWIRE_WOKEN, BELLWIRE_RAISED}, 2});
  CHECK(device_alone(50, 100) == Found{{BELLWIRE_TAKEN, BELLWIRE_RAISED}, 0});
  CHECK(device_alone(100, 50) == Found{{BELLWIRE_WOKEN, BELLWIRE_POSTED}, 0});
  CHECK(device_alone(0, 10) == Found{{BELLWIRE_TAKEN, BELLWIRE_POSTED}, 0});
}

TEST_CASE("only hops between two clocks can be smaller than their uncertainty") {
  auto quick = steady(0);
  for (std::size_t stage = 2; stage < stages.size(); ++stage) quick[stage] -= 950;   // 50 ns to [2]
  for (std::size_t stage = 3; stage < stages.size(); ++stage) quick[stage] -= 1100;  // back in time
  const auto all = figures(trace_of({quick}));
  const auto& within = figures_of_hop(all, to_doorbell);
  CHECK(within.ns.p50 == 50);
  CHECK_FALSE(within.uncertain);
  const auto& across = figures_of_hop(all, to_device);
  CHECK(across.ns.p50 == -100);
  CHECK(across.uncertain);
  CHECK(across.backwards == 1);
  CHECK_FALSE(figures_of_hop(all, {6, 7}).uncertain);
}

TEST_CASE("depth counts those under way, coalescing what a ring stood for") {
  auto trace = trace_of({steady(0), steady(5000), steady(10'000), steady(30'000)});
  trace.doorbells = {{.at = 1, .requests = 1}, {.at = 2, .requests = 5}, {.at = 3, .requests = 3}};
  const auto all = figures(trace);
  CHECK(all.depth.max == 2);
  CHECK(all.depth.p50 == 1);
  CHECK(all.doorbells.count == 3);
  CHECK(all.doorbells.p50 == 3);
  CHECK(all.doorbells.max == 5);
  CHECK(all.interrupts.count == 0);
}

TEST_CASE("JSON has the same figures, and as many of the slowest as wanted") {
  const auto trace = hundred();
  const auto json = to_json(trace, figures(trace), 3);
  const auto& hop = json.at("hops").at(1).as_object();
  CHECK(hop.at("from") == "kicked");
  CHECK(hop.at("p99_ns") == 99.0);
  CHECK(json.at("total").at("max_ns") == 9100.0);
  REQUIRE(json.at("slowest").as_array().size() == 3);
  const auto& slowest = json.at("slowest").at(0);
  CHECK(slowest.at("index") == 99);
  CHECK(slowest.at("hops").at(1).at("ns") == 100.0);
}

TEST_CASE("a heat map has every request once, and each cell its slowest") {
  const auto all = figures(hundred());
  const auto map = heat_map_of(all);
  std::uint64_t requests = 0;
  for (const auto& [cell, heat] : map.cells) {
    CHECK(cell.column < HeatMap::columns);
    CHECK(cell.row < HeatMap::rows);
    requests += heat.requests;
  }
  CHECK(requests == 100);
  CHECK(map.cells.begin()->second.slowest.request == 1);  // of the first two, which share a cell
  CHECK(heat_map_of(figures(trace_of({steady(0)}))).cells.size() == 1);
}
