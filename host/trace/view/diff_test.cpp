// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/diff.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <sstream>

#include "host/trace/testing/trace_builder.hpp"

using namespace bellwire;
using namespace bellwire::view;

namespace {

Figures told_by(const Trace& trace) {
  return figures_of(trace, "run.json").value();
}

Times twice_as_slow() {
  auto times = steady(0);
  for (auto& time : times) time *= 2;
  return times;
}

Times polled() {
  auto times = steady(0);
  times[1] = times[2] = times[3] = absent;
  return times;
}

}  // namespace

TEST_CASE("hops are compared in the order of the path, the whole way last") {
  const auto found = changes(told_by(trace_of({steady(0)})), told_by(trace_of({twice_as_slow()})));
  REQUIRE(found.size() == 11);
  CHECK(found.front().hop == Hop{0, 1});
  CHECK(found.back().hop == Hop{0, 10});
  for (const auto& change : found) {
    CHECK(*ratio(change, &Summary::p50) == 2);
    CHECK(*ratio(change, &Summary::p99) == 2);
  }
}

TEST_CASE("a hop that only one of them has stands without a ratio") {
  const auto found = changes(told_by(trace_of({steady(0)})), told_by(trace_of({polled()})));
  const auto only_before = std::ranges::find(found, Hop{0, 1}, &Change::hop);
  const auto only_after = std::ranges::find(found, Hop{0, 4}, &Change::hop);
  REQUIRE(only_before != found.end());
  REQUIRE(only_after != found.end());
  CHECK_FALSE(only_before->after.has_value());
  CHECK_FALSE(only_after->before.has_value());
  CHECK_FALSE(ratio(*only_before, &Summary::p50).has_value());

  std::ostringstream out;
  show(out, {.unicode = false}, found);
  CHECK(out.str().find("submitted -> taken                -      4.00       -") !=
        std::string::npos);
  const auto json = to_json(found, {});
  CHECK(json.at("hops").at(0).at("p50_ns").at(1).is_null());
  CHECK(json.at("hops").at(0).at("p50_ratio").is_null());
}

TEST_CASE("nothing is divided by what isn't more than zero") {
  auto at_once = steady(0);
  at_once[1] = 0;
  const auto found = changes(told_by(trace_of({at_once})), told_by(trace_of({steady(0)})));
  CHECK_FALSE(ratio(found.front(), &Summary::p50).has_value());
}

TEST_CASE("what else differs is named") {
  const auto before = trace_of({steady(0)});
  auto after = before;
  CHECK(differences(before, after).empty());
  after.transport = "vfio-user";
  after.machine.accelerator = "KVM";
  after.machine.qemu.reset();
  const auto named = differences(before, after);
  REQUIRE(named.size() == 3);
  CHECK(named[0] == "the transport differs: ivshmem, then vfio-user");
  CHECK(named[1] == "the accelerator differs: TCG, then KVM");
  CHECK(named[2] == "the QEMU differs: 7.2, then not given");
}
