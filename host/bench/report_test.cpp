// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/report.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>

using namespace bellwire;
using bench::Benchmark;
using bench::Event;
using bench::Samples;

namespace {

Benchmark::Sample takes(double ns) {
  return [ns](Samples& samples) -> Result<void> {
    samples.ns = {ns};
    samples.times = 1;
    samples.counts.add(Event::doorbells, 1);
    return {};
  };
}

// "a" takes twice as long as its bare C, and three times as long as "b".
Benchmark benchmark_with(Benchmark::Limit over_bare, Benchmark::Limit over_b) {
  Benchmark benchmark;
  benchmark.add("a", takes(600), takes(300), over_bare);
  benchmark.add("b", takes(200));
  benchmark.compare("a", "b", over_b);
  REQUIRE(benchmark.run(3).has_value());
  return benchmark;
}

}  // namespace

TEST_CASE("limits that are kept pass, and so does a benchmark without any") {
  CHECK(missed_limits(benchmark_with({}, {})).empty());
  CHECK(missed_limits(benchmark_with(2.0, 3.0)).empty());
}

TEST_CASE("each limit that is missed has its line") {
  CHECK(missed_limits(benchmark_with(1.5, 1.25)) ==
        std::vector<std::string>{"a / bare C: 2 (2 … 2), at most 1.5",
                                 "a / b: 3 (3 … 3), at most 1.25"});
}

TEST_CASE("JSON has what was counted, and null where there is no limit") {
  const auto json = to_json("wire", {}, benchmark_with(1.5, {}));
  CHECK(json.at("suite") == "wire");
  CHECK(json.at("rounds") == 3);
  const auto& row = json.at("rows").at(0).as_object();
  CHECK(row.at("doorbells") == 1.0);
  CHECK(row.at("bare").at("doorbells") == 1.0);
  CHECK_FALSE(row.contains("exits"));
  const auto& ratios = json.at("ratios").as_array();
  CHECK(ratios.at(0) == boost::json::value{{"name", "a / bare C"},
                                           {"value", 2.0},
                                           {"spread", boost::json::array{2.0, 2.0}},
                                           {"limit", 1.5},
                                           {"ok", false}});
  CHECK(ratios.at(1).at("limit").is_null());
  CHECK(ratios.at(1).at("ok").is_null());
}
