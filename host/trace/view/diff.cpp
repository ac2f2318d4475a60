// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/diff.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "vdev/os/text.hpp"

namespace bellwire::view {
namespace {

namespace json = boost::json;

std::string cell(const std::optional<Summary>& spread, double Summary::*figure) {
  return spread ? micro((*spread).*figure) : "-";
}

std::string cell(const std::optional<double>& ratio) {
  return ratio ? text("{:.2f}", *ratio) : "-";
}

json::value value(const std::optional<Summary>& spread, double Summary::*figure) {
  return spread ? json::value((*spread).*figure) : json::value();
}

json::value value(const std::optional<double>& ratio) {
  return ratio ? json::value(*ratio) : json::value();
}

json::object to_json(const Change& change) {
  const auto& [hop, before, after] = change;
  return {{"from", stages[hop.from].name},
          {"to", stages[hop.to].name},
          {"p50_ns", json::array{value(before, &Summary::p50), value(after, &Summary::p50)}},
          {"p50_ratio", value(ratio(change, &Summary::p50))},
          {"p99_ns", json::array{value(before, &Summary::p99), value(after, &Summary::p99)}},
          {"p99_ratio", value(ratio(change, &Summary::p99))}};
}

}  // namespace

std::vector<Change> changes(const Figures& before, const Figures& after) {
  std::map<Hop, Change> all;
  for (const auto& figures : before.hops) all[figures.hop].before = figures.ns;
  for (const auto& figures : after.hops) all[figures.hop].after = figures.ns;
  std::vector<Change> found;
  for (auto& [hop, change] : all) {
    change.hop = hop;
    found.push_back(change);
  }
  if (before.whole == after.whole) found.push_back({before.whole, before.total, after.total});
  return found;
}

std::vector<std::string> differences(const Trace& before, const Trace& after) {
  using Fact = std::optional<std::string>;
  const auto facts = [](const Trace& trace) {
    const auto& machine = trace.machine;
    return std::array<Fact, 7>{trace.transport, trace.device, machine.accelerator, machine.cpu,
                               machine.kernel,  machine.qemu, machine.guest_kernel};
  };
  constexpr std::array<std::string_view, 7> names = {"transport", "device", "accelerator",   "CPU",
                                                     "kernel",    "QEMU",   "guest's kernel"};
  const auto was = facts(before), is = facts(after);
  std::vector<std::string> found;
  for (std::size_t fact = 0; fact < names.size(); ++fact)
    if (was[fact] != is[fact])
      found.push_back(text("the {} differs: {}, then {}", names[fact],
                           was[fact].value_or("not given"), is[fact].value_or("not given")));
  return found;
}

std::optional<double> ratio(const Change& change, double Summary::*figure) {
  if (!change.before || !change.after || (*change.before).*figure <= 0) return std::nullopt;
  return (*change.after).*figure / (*change.before).*figure;
}

void show(std::ostream& out, const Screen& screen, const std::vector<Change>& changes) {
  constexpr auto left = TextTable::Align::left, right = TextTable::Align::right;
  TextTable table({{text("hop, {}", screen.micro()), left, hop_columns},
                   {"p50 A", right, 9},
                   {"p50 B", right, 9},
                   {"B / A", right, 7},
                   {"p99 A", right, 9},
                   {"p99 B", right, 9},
                   {"B / A", right, 7}},
                  1);
  for (const auto& change : changes)
    table.add({name_of(screen, change.hop), cell(change.before, &Summary::p50),
               cell(change.after, &Summary::p50), cell(ratio(change, &Summary::p50)),
               cell(change.before, &Summary::p99), cell(change.after, &Summary::p99),
               cell(ratio(change, &Summary::p99))});
  out << table.with_heading();
}

json::object to_json(const std::vector<Change>& changes,
                     const std::vector<std::string>& differences) {
  json::array hops, named;
  for (const auto& change : changes) hops.push_back(to_json(change));
  for (const auto& difference : differences) named.emplace_back(difference);
  return {{"differences", std::move(named)}, {"hops", std::move(hops)}};
}

}  // namespace bellwire::view
