// SPDX-License-Identifier: BSD-3-Clause
//
// A benchmark's report: tables for people, JSON, and the limits that are missed.
#include "host/bench/benchmark.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <iostream>

#include "host/bench/machine.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::bench {
namespace {

namespace json = boost::json;

std::string place(int cpu) {
  return cpu < 0 ? "any CPU" : text("CPU {}", cpu);
}

std::string text_of(const Ratio& ratio) {
  const auto value = text("{:.2f} ({:.2f} … {:.2f})", ratio.value, ratio.low, ratio.high);
  if (!ratio.limit) return value;
  return text("{} of {:.4g}{}", value, *ratio.limit, ratio.ok() ? "" : ", missed");
}

std::string whole(double ns) {
  return text("{:.0f}", ns);
}

constexpr std::size_t name_width = 44;

std::string times_table(const std::vector<Row>& rows, const std::string& baseline) {
  constexpr auto left = TextTable::Align::left, right = TextTable::Align::right;
  TextTable table({{"ns", left, name_width},
                   {"p50", right, 8},
                   {"p99", right, 8},
                   {baseline == "bare C" ? "bare p50" : baseline + " p50", right, 8},
                   {"p99", right, 8},
                   {" ratio", left}},
                  1);
  for (const auto& [name, ours, bare, point] : rows) {
    std::vector<std::string> cells{name, whole(ours.p50), whole(ours.p99)};
    if (bare)
      cells.insert(cells.end(), {whole(bare->measured.p50), whole(bare->measured.p99),
                                 ' ' + text_of(bare->ratio)});
    table.add(std::move(cells));
  }
  return table.with_heading();
}

std::string text_of(const std::optional<double>& each_time) {
  return each_time ? text("{:.4g}", *each_time) : "-";
}

std::string cell(const Row& row, Event event) {
  const auto ours = text_of(row.measured.each_time[event]);
  return row.bare ? text("{} / {}", ours, text_of(row.bare->measured.each_time[event])) : ours;
}

// A column per event that any row has counted; empty if there is none.
std::string counts_table(const std::vector<Row>& rows, const std::string& baseline) {
  std::vector<Event> counted;
  std::ranges::copy_if(events, std::back_inserter(counted), [&rows](Event event) {
    return std::ranges::any_of(
        rows, [event](const Row& row) { return row.measured.each_time[event].has_value(); });
  });
  if (counted.empty()) return {};
  std::vector<TextTable::Column> columns{
      {"each time, and " + baseline, TextTable::Align::left, name_width}};
  for (const auto event : counted) columns.push_back({name_of(event), TextTable::Align::right, 13});
  TextTable table(std::move(columns), 1);
  for (const auto& row : rows) {
    std::vector<std::string> cells{row.name};
    for (const auto event : counted) cells.push_back(cell(row, event));
    table.add(std::move(cells));
  }
  return '\n' + table.with_heading();
}

json::object to_json(const Measured& measured) {
  json::object object{
      {"p50_ns", measured.p50}, {"p99_ns", measured.p99}, {"times", measured.times}};
  for (const auto event : events)
    if (const auto& each_time = measured.each_time[event]) object[name_of(event)] = *each_time;
  return object;
}

json::object to_json(const Row& row) {
  auto object = to_json(row.measured);
  object["name"] = row.name;
  if (row.point) {
    object["series"] = row.point->series;
    object["at"] = row.point->at;
  }
  object["bare"] = row.bare ? json::value(to_json(row.bare->measured)) : json::value();
  return object;
}

json::object to_json(const Ratio& ratio) {
  return {{"name", ratio.name},
          {"value", ratio.value},
          {"spread", {ratio.low, ratio.high}},
          {"limit", ratio.limit ? json::value(*ratio.limit) : json::value()},
          {"ok", ratio.limit ? json::value(ratio.ok()) : json::value()}};
}

json::object to_json(const Environment& environment) {
  return {{"accelerator", environment.accelerator},
          {"cpu", environment.cpu},
          {"kernel", environment.kernel},
          {"guest_runs_on", place(environment.guest_cpu)},
          {"device_runs_on", place(environment.device_cpu)}};
}

// The headings of a row's figures, for whoever shows them.
json::object columns() {
  json::object columns{{"p50_ns", "p50 ns"}, {"p99_ns", "p99 ns"}, {"times", "times"}};
  for (const auto event : events) columns[name_of(event)] = text("{} each time", name_of(event));
  return columns;
}

}  // namespace

void print(const Environment& environment, const Benchmark& benchmark) {
  const auto rows = benchmark.rows();
  std::cout << text("{} on {}, {}; guest on {}, device on {}\n\n", environment.accelerator,
                    environment.cpu, environment.kernel, place(environment.guest_cpu),
                    place(environment.device_cpu))
            << times_table(rows, benchmark.baseline()) << counts_table(rows, benchmark.baseline())
            << '\n';
  for (const auto& ratio : benchmark.ratios())
    std::cout << text("{}  {}\n", text_of(ratio), ratio.name);
}

json::value to_json(std::string_view suite, const Environment& environment,
                    const Benchmark& benchmark) {
  json::array rows, ratios;
  for (const auto& row : benchmark.rows()) rows.push_back(to_json(row));
  for (const auto& ratio : benchmark.all_ratios()) ratios.push_back(to_json(ratio));
  return {{"suite", suite},
          {"machine", to_json(environment)},
          {"rounds", benchmark.rounds()},
          {"baseline", benchmark.baseline()},
          {"columns", columns()},
          {"rows", std::move(rows)},
          {"ratios", std::move(ratios)}};
}

std::vector<std::string> missed_limits(const Benchmark& benchmark) {
  std::vector<std::string> missed;
  for (const auto& ratio : benchmark.all_ratios())
    if (!ratio.ok())
      missed.push_back(text("{}: {:.4g} ({:.4g} … {:.4g}), at most {:.4g}", ratio.name, ratio.value,
                            ratio.low, ratio.high, *ratio.limit));
  return missed;
}

}  // namespace bellwire::bench
