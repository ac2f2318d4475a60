// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/report.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>

using namespace bellwire;
using bench::Event;
using bench::Race;
using bench::Samples;

namespace {

Race::Sample takes(double ns) {
  return [ns](Samples& samples) -> Result<void> {
    samples.ns = {ns};
    samples.times = 1;
    samples.counts.add(Event::doorbells, 1);
    return {};
  };
}

// "a" takes twice as long as its bare C, and three times as long as "b".
Race race_with(Race::Limit over_bare, Race::Limit over_b) {
  Race race;
  race.enter("a", takes(600), takes(300), over_bare);
  race.enter("b", takes(200));
  race.compare("a", "b", over_b);
  REQUIRE(race.run(3).has_value());
  return race;
}

}  // namespace

TEST_CASE("limits that are kept pass, and so does a race without any") {
  CHECK(missed_limits(race_with({}, {})).empty());
  CHECK(missed_limits(race_with(2.0, 3.0)).empty());
}

TEST_CASE("each limit that is missed has its line") {
  CHECK(missed_limits(race_with(1.5, 1.25)) ==
        std::vector<std::string>{"a / bare C: 2 (2 … 2), at most 1.5",
                                 "a / b: 3 (3 … 3), at most 1.25"});
}

TEST_CASE("JSON tells what was counted, and null where there is no limit") {
  const auto told = to_json("wire", {}, race_with(1.5, {}));
  CHECK(told.at("suite") == "wire");
  CHECK(told.at("rounds") == 3);
  const auto& row = told.at("rows").at(0).as_object();
  CHECK(row.at("doorbells") == 1.0);
  CHECK(row.at("bare").at("doorbells") == 1.0);
  CHECK_FALSE(row.contains("exits"));
  const auto& ratios = told.at("ratios").as_array();
  CHECK(ratios.at(0) == boost::json::value{{"name", "a / bare C"},
                                           {"value", 2.0},
                                           {"spread", boost::json::array{2.0, 2.0}},
                                           {"limit", 1.5},
                                           {"ok", false}});
  CHECK(ratios.at(1).at("limit").is_null());
  CHECK(ratios.at(1).at("ok").is_null());
}
