// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/diff.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <map>

namespace bellwire::view {
namespace {

namespace json = boost::json;

std::string cell(const std::optional<Spread>& spread, double Spread::*figure) {
  return spread ? micro((*spread).*figure) : "-";
}

std::string cell(const std::optional<double>& ratio) {
  return ratio ? text("{:.2f}", *ratio) : "-";
}

json::value value(const std::optional<Spread>& spread, double Spread::*figure) {
  return spread ? json::value((*spread).*figure) : json::value();
}

json::value value(const std::optional<double>& ratio) {
  return ratio ? json::value(*ratio) : json::value();
}

json::object to_json(const Change& change) {
  const auto& [hop, before, after] = change;
  return {{"from", stages[hop.from].name},
          {"to", stages[hop.to].name},
          {"p50_ns", json::array{value(before, &Spread::p50), value(after, &Spread::p50)}},
          {"p50_ratio", value(ratio(change, &Spread::p50))},
          {"p99_ns", json::array{value(before, &Spread::p99), value(after, &Spread::p99)}},
          {"p99_ratio", value(ratio(change, &Spread::p99))}};
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
                           was[fact].value_or("not told"), is[fact].value_or("not told")));
  return found;
}

std::optional<double> ratio(const Change& change, double Spread::*figure) {
  if (!change.before || !change.after || (*change.before).*figure <= 0) return std::nullopt;
  return (*change.after).*figure / (*change.before).*figure;
}

void show(std::ostream& out, const Screen& screen, const std::vector<Change>& changes) {
  out << pad(text("hop, {}", screen.micro()), hop_columns)
      << text("{:>10}{:>10}{:>8}{:>10}{:>10}{:>8}\n", "p50 A", "p50 B", "B / A", "p99 A", "p99 B",
              "B / A");
  for (const auto& change : changes)
    out << pad(name_of(screen, change.hop), hop_columns)
        << text("{:>10}{:>10}{:>8}{:>10}{:>10}{:>8}\n", cell(change.before, &Spread::p50),
                cell(change.after, &Spread::p50), cell(ratio(change, &Spread::p50)),
                cell(change.before, &Spread::p99), cell(change.after, &Spread::p99),
                cell(ratio(change, &Spread::p99)));
}

json::object to_json(const std::vector<Change>& changes,
                     const std::vector<std::string>& differences) {
  json::array hops, told;
  for (const auto& change : changes) hops.push_back(to_json(change));
  for (const auto& difference : differences) told.emplace_back(difference);
  return {{"differences", std::move(told)}, {"hops", std::move(hops)}};
}

}  // namespace bellwire::view
