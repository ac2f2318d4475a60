// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/explore/explorer.hpp"

#include <doctest/doctest.h>

namespace bellwire::explore {
namespace {

// Two actors that each add one, by a read and a write that are steps of their own.
class Adding final : public Scene {
 public:
  std::vector<Actor> begin() override {
    sum_ = 0;
    const auto add = [this] {
      step("reads");
      const int seen = sum_;
      step("writes");
      sum_ = seen + 1;
    };
    return {{"one", add}, {"two", add}};
  }
  std::string verdict() override { return sum_ == 2 ? "" : "one was lost"; }
  std::string name_of(const void*) const override { return {}; }

 private:
  int sum_ = 0;
};

// One that waits for what the other does only if it is not first.
class Waiting final : public Scene {
 public:
  std::vector<Actor> begin() override {
    looked_ = rung_ = false;
    return {{"bell",
             [this] {
               step("looks");
               rung_ = !looked_;
             }},
            {"sleeper", [this] {
               looked_ = true;
               step("sleeps");
               wait("a ring", [this] { return rung_; });
             }}};
  }
  std::string verdict() override { return {}; }
  std::string name_of(const void*) const override { return {}; }

 private:
  bool looked_ = false, rung_ = false;
};

Limits within(unsigned budget) {
  Limits limits;
  limits.budget = budget;
  return limits;
}

}  // namespace

TEST_CASE("an update is lost by one interruption, and by none less") {
  Adding scene;
  const auto quiet = explore(scene, within(0));
  CHECK(quiet.exhausted);
  CHECK_FALSE(quiet.failure);
  const auto found = explore(scene, within(1));
  REQUIRE(found.failure);
  CHECK(found.failure->why == "one was lost");
  CHECK(found.failure->schedule.size() == 1);
  CHECK_FALSE(found.story.empty());
}

TEST_CASE("a schedule fails again, and as text, too") {
  Adding scene;
  const auto found = explore(scene, within(1));
  REQUIRE(found.failure);
  const auto words = text(found.failure->schedule, actors(scene));
  const auto again = replay(scene, parse(words, actors(scene)).value());
  REQUIRE(again);
  REQUIRE(again->failure);
  CHECK(again->failure->why == "one was lost");
  CHECK(again->story.size() == found.story.size());
  const auto usual = replay(scene, {}).value();
  CHECK_FALSE(usual.failure);
  CHECK_FALSE(usual.story.empty());
  CHECK_FALSE(replay(scene, {{9999, 0}}));
}

TEST_CASE("orders by chance find it, and the failure is made short") {
  Adding scene;
  const auto found = explore_by_chance(scene, 1, 2, within(0));
  REQUIRE(found.failure);
  CHECK(found.failure->schedule.size() <= 2);
  const auto again = explore_by_chance(scene, 1, 2, within(0));
  CHECK(again.runs == found.runs);
}

TEST_CASE("an actor that waits for ever is named") {
  Waiting scene;
  const auto found = explore(scene, within(1));
  REQUIRE(found.failure);
  CHECK(found.failure->why == "sleeper waits for a ring, for ever");
}

TEST_CASE("a schedule is read as it is written") {
  const std::vector<std::string> names = {"driver", "device"};
  const Schedule schedule = {{12, 1}, {40, is_late}, {41, 0}};
  CHECK(text(schedule, names) == "12:device 40:late 41:driver");
  CHECK(parse("12:device 40:late 41:driver", names).value() == schedule);
  CHECK(text({}, names) == "-");
  CHECK(parse("-", names).value().empty());
  for (const auto* wrong : {"12", "x:device", "12:disk", ":late", "9:driver 3:driver"})
    CHECK(parse(wrong, names).error().code == std::make_error_code(std::errc::invalid_argument));
}

}  // namespace bellwire::explore
