// SPDX-License-Identifier: BSD-3-Clause
//
// FaultTally: rules that are given while the device runs.
#include "vdev/faults/tally.hpp"

#include <doctest/doctest.h>

namespace bellwire {
namespace {

FaultPlan plan_of(std::string_view words) {
  return FaultPlan::parse(words).value();
}

// Which of so many signals of a wire are chosen, from 1 on.
std::vector<unsigned> chosen_of(FaultTally& tally, FaultWire wire, unsigned index, unsigned count) {
  std::vector<unsigned> chosen;
  for (unsigned number = 1; number <= count; ++number)
    if (const auto fault = tally.arrived(wire, index)) {
      tally.injected(*fault, index, FaultVictim{number, 1});
      chosen.push_back(number);
    }
  return chosen;
}

std::string refusal_of(FaultTally& tally, std::string_view words) {
  const auto given = tally.give(plan_of(words), std::nullopt);
  return given ? "" : given.error().message;
}

using Chosen = std::vector<unsigned>;

TEST_CASE("a rule that is given counts from then on, on its wire, and once") {
  FaultTally tally(plan_of("drop doorbell 2"));
  tally.open({FaultWire::doorbell, FaultWire::interrupt});
  CHECK(chosen_of(tally, FaultWire::doorbell, 0, 5) == Chosen{2});
  REQUIRE(tally.give(plan_of("drop doorbell 2"), 1));
  CHECK(chosen_of(tally, FaultWire::doorbell, 0, 5).empty());
  CHECK(chosen_of(tally, FaultWire::doorbell, 1, 5) == Chosen{2});
  const auto told = tally.told(1);
  CHECK(told.words == "drop doorbell 2 on queue 1");
  CHECK(told.times == 1);
  CHECK(told.last_wire == 1U);
  CHECK(told.victim->request == 2);
  CHECK_FALSE(told.armed);
  REQUIRE(tally.give(plan_of("drop doorbell 2"), 1));  // the same rule begins anew
  CHECK(tally.rules() == 2);
  CHECK(tally.told(1).armed);
  CHECK(chosen_of(tally, FaultWire::doorbell, 1, 5) == Chosen{2});
  CHECK(tally.report() == "1 by 'drop doorbell 2', 2 by 'drop doorbell 2 on queue 1'");
}

TEST_CASE("rules that go on are ended, but not those of the plan") {
  FaultTally tally(plan_of("delay interrupt every 3 1us"));
  tally.open({FaultWire::interrupt});
  REQUIRE(tally.give(plan_of("drop interrupt every 2"), std::nullopt));
  CHECK(chosen_of(tally, FaultWire::interrupt, 0, 6) == Chosen{2, 3, 4, 6});
  tally.end_given();
  CHECK(chosen_of(tally, FaultWire::interrupt, 0, 6) == Chosen{3, 6});
}

TEST_CASE("what can't be given is refused") {
  FaultTally closed(plan_of("drop doorbell 1"));
  CHECK(refusal_of(closed, "drop doorbell 1").find("--allow-faults") != std::string::npos);
  FaultTally tally{FaultPlan()};
  tally.open({FaultWire::interrupt});
  CHECK(tally.touches(FaultWire::interrupt));
  CHECK_FALSE(tally.touches(FaultWire::doorbell));
  for (const auto* const words : {"drop doorbell 1", "invent interrupt 1ms", "seed 4",
                                  "corrupt completion 1", "drop interrupt 1; seed 2"})
    CHECK_MESSAGE(!refusal_of(tally, words).empty(), words);
  CHECK(tally.rules() == 0);
  CHECK(tally.check());
}

TEST_CASE("moments are kept for whoever asks, up to a bound") {
  FaultTally tally(plan_of("drop doorbell every 2"));
  CHECK(chosen_of(tally, FaultWire::doorbell, 3, 2) == Chosen{2});
  CHECK(tally.take_moments().kept.empty());
  tally.keep_moments();
  CHECK(chosen_of(tally, FaultWire::doorbell, 3, 4) == Chosen{2, 4});
  const auto moments = tally.take_moments();
  REQUIRE(moments.kept.size() == 2);
  CHECK(moments.kept[1].ticks >= moments.kept[0].ticks);
  CHECK(moments.kept[1].number == 6);  // of all that arrived
  CHECK(moments.kept[1].wire == 3);
  CHECK(moments.kept[1].victim->request == 4);
  CHECK(moments.lost == 0);
  tally.keep_moments();
  static_cast<void>(chosen_of(tally, FaultWire::doorbell, 3, 2 * FaultTally::most_moments + 4));
  const auto full = tally.take_moments();
  CHECK(full.kept.size() == FaultTally::most_moments);
  CHECK(full.lost == 2);
}

TEST_CASE("a device takes so many rules and no more") {
  FaultTally tally{FaultPlan()};
  tally.open({FaultWire::doorbell});
  for (std::size_t number = 1; number <= FaultTally::most_given; ++number)
    REQUIRE(tally.give(plan_of(text("drop doorbell {}", number)), std::nullopt));
  CHECK(refusal_of(tally, "drop doorbell 99").find("32 different rules") != std::string::npos);
  CHECK(refusal_of(tally, "drop doorbell 7").empty());
}

}  // namespace
}  // namespace bellwire
