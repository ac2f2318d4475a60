// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/benchmark.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "host/bench/machine.hpp"

using namespace bellwire;
using bench::Benchmark;
using bench::Counts;
using bench::Event;
using bench::Samples;

namespace {

Benchmark::Sample always(double ns, std::uint64_t exits = 0) {
  return [ns, exits](Samples& samples) -> Result<void> {
    samples.ns = {ns, ns, ns + 1};
    samples.times = 3;
    samples.counts.add(Event::exits, exits);
    return {};
  };
}

}  // namespace

TEST_CASE("a row is over all samples of all rounds") {
  Benchmark benchmark;
  benchmark.add("a", always(100, 6));
  REQUIRE(benchmark.run(5).has_value());
  const auto row = benchmark.rows().at(0);
  CHECK(row.name == "a");
  CHECK(row.measured.times == 15);
  CHECK(row.measured.p50 == 100);
  CHECK(row.measured.p99 == 101);
  CHECK(row.measured.each_time[Event::exits] == 2);
  CHECK_FALSE(row.measured.each_time[Event::doorbells].has_value());
  CHECK_FALSE(row.bare.has_value());
}

TEST_CASE("a row may be one of a series, and has the CPU time that it took") {
  Benchmark benchmark;
  benchmark.add("a, of 8", always(100), always(100));
  benchmark.plot("a, of 8", "a, of N", 8);
  REQUIRE(benchmark.run(2).has_value());
  const auto row = benchmark.rows().at(0);
  REQUIRE(row.point.has_value());
  CHECK(row.point->series == "a, of N");
  CHECK(row.point->at == 8);
  CHECK(row.measured.each_time[Event::cpu_ns].value() > 0);
  CHECK(row.bare->measured.each_time[Event::cpu_ns].value() > 0);
}

TEST_CASE("a row has its bare C, and the ratio to it") {
  Benchmark benchmark;
  benchmark.add("a", always(150), always(100, 3));
  REQUIRE(benchmark.run(2).has_value());
  const auto bare = benchmark.rows().at(0).bare.value();
  CHECK(bare.measured.p50 == 100);
  CHECK(bare.measured.each_time[Event::exits] == 1);
  CHECK(bare.measured.times == 6);
  CHECK(bare.ratio.name == "a / bare C");
  CHECK(bare.ratio.value == 1.5);
  CHECK(benchmark.ratios().empty());
}

TEST_CASE("events are compared with the baseline's, whose name the report has") {
  Benchmark benchmark({}, "the other");
  benchmark.add("a", always(100, 3), always(100, 6));
  benchmark.compare_event("a", Event::exits, 0.4);
  REQUIRE(benchmark.run(3).has_value());
  const auto ratio = benchmark.ratios().at(0);
  CHECK(ratio.name == "a: exits / the other");
  CHECK(ratio.value == 0.5);
  CHECK_FALSE(ratio.ok());
  CHECK(benchmark.all_ratios().at(0).name == "a / the other");
  CHECK(to_json("vhost", {}, benchmark).at("baseline") == "the other");
}

TEST_CASE("a ratio compares within each round") {
  Benchmark benchmark;
  unsigned turns = 0;
  const auto noisy = [&turns](double ns) {
    return [&turns, ns](Samples& samples) { return always(ns * (turns++ / 2 + 1))(samples); };
  };
  benchmark.add("slow", noisy(200));
  benchmark.add("fast", noisy(100));
  benchmark.compare("slow", "fast");
  REQUIRE(benchmark.run(4).has_value());
  CHECK(benchmark.ratios().at(0).name == "slow / fast");
  CHECK(benchmark.ratios().at(0).value == 2);
  CHECK(benchmark.ratios().at(0).low == 2);
  CHECK(benchmark.ratios().at(0).high == 2);
}

TEST_CASE("a ratio is the median of its rounds, with their quartiles") {
  Benchmark benchmark;
  double round = 0;
  benchmark.add("a", [&round](Samples& samples) { return always(100 * ++round)(samples); });
  benchmark.add("b", always(100));
  benchmark.compare("a", "b");
  REQUIRE(benchmark.run(4).has_value());
  CHECK(benchmark.rounds() == 4);
  const auto ratio = benchmark.ratios().at(0);
  CHECK(ratio.value == 2);
  CHECK(ratio.low == 1);
  CHECK(ratio.high == 3);
}

TEST_CASE("rounds are interleaved, to and fro, and an error ends them") {
  Benchmark benchmark;
  std::string order;
  benchmark.add("a", [&](Samples& samples) { return order += 'a', always(1)(samples); });
  benchmark.add("b", [&](Samples& samples) -> Result<void> {
    order += 'b';
    if (order.size() == 3) return fault(std::errc::io_error, "enough");
    return always(1)(samples);
  });
  CHECK(benchmark.run(9).error().message == "enough");
  CHECK(order == "abb");
}

TEST_CASE("bare C takes its turns among the others") {
  Benchmark benchmark;
  std::string order;
  const auto noted = [&order](char name) {
    return [&order, name](Samples& samples) { return order += name, always(1)(samples); };
  };
  benchmark.add("a", noted('a'), noted('A'));
  benchmark.add("b", noted('b'), noted('B'));
  REQUIRE(benchmark.run(2).has_value());
  CHECK(order == "aAbBBbAa");
}

TEST_CASE("a case that is skipped is neither sampled nor compared; not all can be") {
  Benchmark benchmark("slow");
  benchmark.add("slow", [](Samples&) -> Result<void> { return fault(std::errc::io_error, "ran"); });
  CHECK(benchmark.run(1).error().message == "nothing is left to measure without 'slow'");
  benchmark.add("fast", always(1));
  benchmark.compare("slow", "fast");
  REQUIRE(benchmark.run(1).has_value());
  CHECK(benchmark.rows().size() == 1);
  CHECK(benchmark.ratios().empty());
}

TEST_CASE("a ratio that equals its limit keeps it") {
  Benchmark benchmark;
  benchmark.add("a", always(150), always(100), 1.5);
  benchmark.add("b", always(151), always(100), 1.5);
  benchmark.add("c", always(900), always(100));
  benchmark.compare("c", "a", 5.0);
  benchmark.bound("a", Event::exits, 0);
  REQUIRE(benchmark.run(1).has_value());
  const auto ratios = benchmark.all_ratios();
  REQUIRE(ratios.size() == 5);
  const auto verdict = [&](std::size_t index, std::optional<double> limit, bool ok) {
    CHECK(ratios[index].limit == limit);
    CHECK(ratios[index].ok() == ok);
  };
  verdict(0, 1.5, true);
  verdict(1, 1.5, false);
  verdict(2, std::nullopt, true);
  verdict(3, 5.0, false);
  verdict(4, 0.0, true);
  CHECK(ratios[4].name == "a: exits each time");
}

TEST_CASE("the round that is counted is not timed, and allocates nothing for the benchmark") {
  Benchmark benchmark;
  const std::vector<double> times(1000, 7.0);
  bool room = false;
  benchmark.add("a", [&](Samples& samples) -> Result<void> {
    room = samples.ns.capacity() >= times.size();
    samples.ns.insert(samples.ns.end(), times.begin(), times.end());
    samples.times = times.size();
    return {};
  });
  benchmark.bound("a", Event::switches, 1);
  REQUIRE(benchmark.run(1).has_value());
  CHECK_FALSE(room);
  std::uint64_t switches = 500;
  REQUIRE(benchmark
              .count([&] {
                Counts counts;
                counts.add(Event::switches, switches += 3000);
                return counts;
              })
              .has_value());
  CHECK(room);
  CHECK(benchmark.rows().at(0).measured.times == 1000);
  CHECK(benchmark.rows().at(0).measured.each_time[Event::switches] == 3);
  CHECK_FALSE(benchmark.ratios().at(0).ok());
}

TEST_CASE("an allocation that happens once is not one of each request, one in each round is") {
  for (const unsigned rounds_with : {1U, 100U}) {
    Benchmark benchmark;
    unsigned rounds = 0;
    std::uint64_t allocations = 0;
    benchmark.add("a", [&](Samples& samples) -> Result<void> {
      if (rounds > 0 && rounds <= rounds_with) ++allocations;
      ++rounds;
      samples.ns.push_back(1);
      samples.times = 1;
      return {};
    });
    benchmark.bound("a", Event::allocations, 0);
    REQUIRE(benchmark.run(1).has_value());
    const auto read = [&] {
      Counts counts;
      counts.add(Event::allocations, allocations);
      return counts;
    };
    REQUIRE(benchmark.count(read).has_value());
    CHECK(benchmark.ratios().at(0).ok() == (rounds_with == 1));
  }
}

// The report.

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
