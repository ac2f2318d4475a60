// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/report.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <iostream>

#include "vdev/os/text.hpp"

namespace bellwire::bench {
namespace {

namespace json = boost::json;

std::string place(int cpu) {
  return cpu < 0 ? "any CPU" : text("CPU {}", cpu);
}

std::string text_of(const Ratio& ratio) {
  const auto& [low, high] = ratio.spread;
  const auto told = text("{:.2f} ({:.2f} … {:.2f})", ratio.value, low, high);
  if (!ratio.limit) return told;
  return text("{} of {:.4g}{}", told, *ratio.limit, ratio.ok() ? "" : ", missed");
}

void print(const Row& row) {
  std::cout << text("{:<44} {:>8.0f} {:>8.0f}", row.name, row.figures.p50, row.figures.p99);
  if (row.bare) {
    const auto& bare = row.bare->figures;
    std::cout << text(" {:>8.0f} {:>8.0f}  {}", bare.p50, bare.p99, text_of(row.bare->ratio));
  }
  std::cout << '\n';
}

std::string text_of(const std::optional<double>& each_time) {
  return each_time ? text("{:.4g}", *each_time) : "-";
}

std::string cell(const Row& row, Event event) {
  const auto ours = text_of(row.figures.each_time[event]);
  return row.bare ? text("{} / {}", ours, text_of(row.bare->figures.each_time[event])) : ours;
}

// A column for each event that any row has counted.
void print_counts(const std::vector<Row>& rows) {
  std::vector<Event> counted;
  std::ranges::copy_if(events, std::back_inserter(counted), [&rows](Event event) {
    return std::ranges::any_of(
        rows, [event](const Row& row) { return row.figures.each_time[event].has_value(); });
  });
  if (counted.empty()) return;
  std::cout << text("\n{:<44}", "each time, and bare C");
  for (const auto event : counted) std::cout << text(" {:>13}", name_of(event));
  for (const auto& row : rows) {
    std::cout << text("\n{:<44}", row.name);
    for (const auto event : counted) std::cout << text(" {:>13}", cell(row, event));
  }
  std::cout << '\n';
}

json::object to_json(const Figures& figures) {
  json::object object{{"p50_ns", figures.p50}, {"p99_ns", figures.p99}, {"times", figures.times}};
  for (const auto event : events)
    if (const auto& each_time = figures.each_time[event]) object[name_of(event)] = *each_time;
  return object;
}

json::object to_json(const Row& row) {
  auto object = to_json(row.figures);
  object["name"] = row.name;
  if (row.point) {
    object["series"] = row.point->series;
    object["at"] = row.point->at;
  }
  object["bare"] = row.bare ? json::value(to_json(row.bare->figures)) : json::value();
  return object;
}

json::object to_json(const Ratio& ratio) {
  return {{"name", ratio.name},
          {"value", ratio.value},
          {"spread", {ratio.spread.low, ratio.spread.high}},
          {"limit", ratio.limit ? json::value(*ratio.limit) : json::value()},
          {"ok", ratio.limit ? json::value(ratio.ok()) : json::value()}};
}

json::object to_json(const Machine& machine) {
  return {{"accelerator", machine.accelerator},
          {"cpu", machine.cpu},
          {"kernel", machine.kernel},
          {"guest_runs_on", place(machine.guest_cpu)},
          {"device_runs_on", place(machine.device_cpu)}};
}

// What a row's figures are, for who shows them.
json::object columns() {
  json::object columns{{"p50_ns", "p50 ns"}, {"p99_ns", "p99 ns"}, {"times", "times"}};
  for (const auto event : events) columns[name_of(event)] = text("{} each time", name_of(event));
  return columns;
}

}  // namespace

void print(const Machine& machine, const Race& race) {
  std::cout << text("{} on {}, {}; guest on {}, device on {}\n\n", machine.accelerator, machine.cpu,
                    machine.kernel, place(machine.guest_cpu), place(machine.device_cpu));
  std::cout << text("{:<44} {:>8} {:>8} {:>8} {:>8}  {}\n", "ns", "p50", "p99", "bare p50", "p99",
                    "ratio");
  const auto rows = race.rows();
  for (const auto& row : rows) print(row);
  print_counts(rows);
  std::cout << '\n';
  for (const auto& ratio : race.ratios()) std::cout << text("{}  {}\n", text_of(ratio), ratio.name);
}

json::value to_json(std::string_view suite, const Machine& machine, const Race& race) {
  json::array rows, ratios;
  for (const auto& row : race.rows()) rows.push_back(to_json(row));
  for (const auto& ratio : race.all_ratios()) ratios.push_back(to_json(ratio));
  return {{"suite", suite},       {"machine", to_json(machine)}, {"rounds", race.rounds()},
          {"columns", columns()}, {"rows", std::move(rows)},     {"ratios", std::move(ratios)}};
}

std::vector<std::string> missed_limits(const Race& race) {
  std::vector<std::string> missed;
  for (const auto& ratio : race.all_ratios())
    if (!ratio.ok())
      missed.push_back(text("{}: {:.4g} ({:.4g} … {:.4g}), at most {:.4g}", ratio.name, ratio.value,
                            ratio.spread.low, ratio.spread.high, *ratio.limit));
  return missed;
}

}  // namespace bellwire::bench
