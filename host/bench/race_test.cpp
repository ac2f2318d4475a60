// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/race.hpp"

#include <doctest/doctest.h>

using namespace bellwire;
using bench::Counts;
using bench::Event;
using bench::Race;
using bench::Samples;

namespace {

Race::Sample always(double ns, std::uint64_t exits = 0) {
  return [ns, exits](Samples& samples) -> Result<void> {
    samples.ns = {ns, ns, ns + 1};
    samples.times = 3;
    samples.counts.add(Event::exits, exits);
    return {};
  };
}

}  // namespace

TEST_CASE("a row is over all samples of all rounds") {
  Race race;
  race.enter("a", always(100, 6));
  REQUIRE(race.run(5).has_value());
  const auto row = race.rows().at(0);
  CHECK(row.name == "a");
  CHECK(row.figures.times == 15);
  CHECK(row.figures.p50 == 100);
  CHECK(row.figures.p99 == 101);
  CHECK(row.figures.each_time[Event::exits] == 2);
  CHECK_FALSE(row.figures.each_time[Event::doorbells].has_value());
  CHECK_FALSE(row.bare.has_value());
}

TEST_CASE("a row may be one of a series, and has the CPU time that it took") {
  Race race;
  race.enter("a, of 8", always(100), always(100));
  race.plot("a, of 8", "a, of N", 8);
  REQUIRE(race.run(2).has_value());
  const auto row = race.rows().at(0);
  REQUIRE(row.point.has_value());
  CHECK(row.point->series == "a, of N");
  CHECK(row.point->at == 8);
  CHECK(row.figures.each_time[Event::cpu_ns].value() > 0);
  CHECK(row.bare->figures.each_time[Event::cpu_ns].value() > 0);
}

TEST_CASE("a row tells its bare C, and the ratio to it") {
  Race race;
  race.enter("a", always(150), always(100, 3));
  REQUIRE(race.run(2).has_value());
  const auto bare = race.rows().at(0).bare.value();
  CHECK(bare.figures.p50 == 100);
  CHECK(bare.figures.each_time[Event::exits] == 1);
  CHECK(bare.figures.times == 6);
  CHECK(bare.ratio.name == "a / bare C");
  CHECK(bare.ratio.value == 1.5);
  CHECK(race.ratios().empty());
}

TEST_CASE("a ratio compares within each round") {
  Race race;
  unsigned turns = 0;
  const auto noisy = [&turns](double ns) {
    return [&turns, ns](Samples& samples) { return always(ns * (turns++ / 2 + 1))(samples); };
  };
  race.enter("slow", noisy(200));
  race.enter("fast", noisy(100));
  race.compare("slow", "fast");
  REQUIRE(race.run(4).has_value());
  CHECK(race.ratios().at(0).name == "slow / fast");
  CHECK(race.ratios().at(0).value == 2);
  CHECK(race.ratios().at(0).spread.low == 2);
  CHECK(race.ratios().at(0).spread.high == 2);
}

TEST_CASE("a ratio is the middle of its rounds, its spread the middle half of them") {
  Race race;
  double round = 0;
  race.enter("a", [&round](Samples& samples) { return always(100 * ++round)(samples); });
  race.enter("b", always(100));
  race.compare("a", "b");
  REQUIRE(race.run(4).has_value());
  CHECK(race.rounds() == 4);
  const auto ratio = race.ratios().at(0);
  CHECK(ratio.value == 2.5);
  CHECK(ratio.spread.low == 1.75);
  CHECK(ratio.spread.high == 3.25);
}

TEST_CASE("rounds are interleaved, to and fro, and an error ends them") {
  Race race;
  std::string order;
  race.enter("a", [&](Samples& samples) { return order += 'a', always(1)(samples); });
  race.enter("b", [&](Samples& samples) -> Result<void> {
    order += 'b';
    if (order.size() == 3) return fault(std::errc::io_error, "enough");
    return always(1)(samples);
  });
  CHECK(race.run(9).error().message == "enough");
  CHECK(order == "abb");
}

TEST_CASE("bare C takes its turns among the others") {
  Race race;
  std::string order;
  const auto noted = [&order](char name) {
    return [&order, name](Samples& samples) { return order += name, always(1)(samples); };
  };
  race.enter("a", noted('a'), noted('A'));
  race.enter("b", noted('b'), noted('B'));
  REQUIRE(race.run(2).has_value());
  CHECK(order == "aAbBBbAa");
}

TEST_CASE("who is skipped is neither sampled nor compared; all but none can be") {
  Race race("slow");
  race.enter("slow", [](Samples&) -> Result<void> { return fault(std::errc::io_error, "ran"); });
  CHECK(race.run(1).error().message == "nothing to measure is without 'slow'");
  race.enter("fast", always(1));
  race.compare("slow", "fast");
  REQUIRE(race.run(1).has_value());
  CHECK(race.rows().size() == 1);
  CHECK(race.ratios().empty());
}

TEST_CASE("a limit is kept up to its very value") {
  Race race;
  race.enter("a", always(150), always(100), 1.5);
  race.enter("b", always(151), always(100), 1.5);
  race.enter("c", always(900), always(100));
  race.compare("c", "a", 5.0);
  race.bound("a", Event::exits, 0);
  REQUIRE(race.run(1).has_value());
  const auto ratios = race.all_ratios();
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

TEST_CASE("the round that is counted is not timed, and allocates nothing for the bench") {
  Race race;
  const std::vector<double> times(1000, 7.0);
  bool room = false;
  race.enter("a", [&](Samples& samples) -> Result<void> {
    room = samples.ns.capacity() >= times.size();
    samples.ns.insert(samples.ns.end(), times.begin(), times.end());
    samples.times = times.size();
    return {};
  });
  race.bound("a", Event::switches, 1);
  REQUIRE(race.run(1).has_value());
  CHECK_FALSE(room);
  std::uint64_t switches = 500;
  REQUIRE(race.count([&] {
                Counts counts;
                counts.add(Event::switches, switches += 3000);
                return counts;
              })
              .has_value());
  CHECK(room);
  CHECK(race.rows().at(0).figures.times == 1000);
  CHECK(race.rows().at(0).figures.each_time[Event::switches] == 3);
  CHECK_FALSE(race.ratios().at(0).ok());
}
