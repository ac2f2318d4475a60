// SPDX-License-Identifier: BSD-3-Clause
//
// Each scenario both ways; and what the watchdog finds.
#include "host/scenario/scenario.hpp"

#include <doctest/doctest.h>

#include <set>

#include "host/scenario/small_vm.hpp"
#include "vdev/trace/records.hpp"

using namespace bellwire;
using namespace bellwire::host;

namespace {

std::optional<Finding> watched(const Progress& progress) {
  const auto nothing = [] {};
  return watch({.progress = [&] { return progress; },
                .ring_again = nothing,
                .raise_again = nothing,
                .tell = [](const std::string&) {}});
}

}  // namespace

TEST_CASE("each scenario survives as it is, and fails with its defect at the hop that it names") {
  for (const auto& scenario : scenarios())
    for (const bool defect : {false, true}) {
      CAPTURE(scenario.name);
      CAPTURE(defect);
      const auto played = play(scenario, defect);
      REQUIRE_MESSAGE(played.has_value(), played.error().message);
      CHECK(played->finding.has_value() == defect);
      CHECK(played->as_promised());
      if (defect)
        CHECK(trace::stages[played->finding->last].name == trace::stages[scenario.last].name);
    }
}

TEST_CASE("each run of a scenario logs the same") {
  for (const auto& scenario : scenarios())
    for (const bool defect : {false, true}) {
      CAPTURE(scenario.name);
      const auto first = play(scenario, defect).value(), second = play(scenario, defect).value();
      REQUIRE(first.run_log.lines().size() == second.run_log.lines().size());
      for (std::size_t index = 0; index < first.run_log.lines().size(); ++index)
        CHECK(first.run_log.lines()[index].what == second.run_log.lines()[index].what);
    }
}

TEST_CASE("every scenario says where it was met, and which rule its defect breaks") {
  std::set<std::string_view> names;
  for (const auto& scenario : scenarios()) {
    CAPTURE(scenario.name);
    CHECK(names.insert(scenario.name).second);
    CHECK(scenario.met.find("(#") != std::string_view::npos);
    for (const auto words : {scenario.defect, scenario.rule, scenario.avoided})
      CHECK(words.ends_with('.'));
  }
}

TEST_CASE("a small VM serves more requests than its ring has entries, also over kills") {
  RunLog run_log;
  SmallVm vm(run_log, {});
  for (unsigned life = 0; life < 3; ++life) {
    vm.connect();
    vm.enable();
    for (unsigned request = 0; request < 20; ++request) {
      vm.submit();
      CHECK(vm.take_interrupt());
      CHECK_FALSE(vm.take_interrupt());
    }
    vm.back_end().set_held(true);
    vm.submit();
    CHECK_FALSE(vm.take_interrupt());
    vm.kill_back_end();
  }
  CHECK(vm.consumed() == 62);
  CHECK(vm.submitted() == 63);
}

TEST_CASE("the watchdog names the hop behind the last stage, and finds nothing where all is done") {
  CHECK_FALSE(watched({.submitted = 3,
                       .rung = 3,
                       .taken = 3,
                       .posted = 3,
                       .raised = 3,
                       .interrupted = 3,
                       .consumed = 3}));
  CHECK(watched({.submitted = 1})->last == BELLWIRE_SUBMITTED);
  CHECK(watched({.submitted = 1, .rung = 1})->last == BELLWIRE_RUNG);
  CHECK(watched({.submitted = 1, .rung = 1, .taken = 1, .posted = 1})->last == BELLWIRE_POSTED);
  const auto raised = watched({.submitted = 1, .rung = 1, .taken = 1, .posted = 1, .raised = 1});
  CHECK(raised->last == BELLWIRE_RAISED);
  CHECK(raised->sentence ==
        "request 0: completion posted and interrupt raised 1.5 s ago, no interrupt taken: lost "
        "interrupt");
  CHECK_FALSE(raised->repaired);
}

TEST_CASE("what goes on when the watchdog rings again is repaired") {
  Progress progress{.submitted = 1, .rung = 1};
  const auto finding = watch({.progress = [&] { return progress; },
                              .ring_again =
                                  [&] {
                                    progress = {.submitted = 1,
                                                .rung = 1,
                                                .taken = 1,
                                                .posted = 1,
                                                .raised = 1,
                                                .interrupted = 1,
                                                .consumed = 1};
                                  },
                              .raise_again = [] { FAIL("the doorbell was lost"); },
                              .tell = [](const std::string&) {}});
  REQUIRE(finding.has_value());
  CHECK(finding->last == BELLWIRE_RUNG);
  CHECK(finding->repaired);
}
