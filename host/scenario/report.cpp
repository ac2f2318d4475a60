// SPDX-License-Identifier: BSD-3-Clause
#include "host/scenario/report.hpp"

#include <boost/json.hpp>

#include "host/output/json_text.hpp"
#include "vdev/os/text.hpp"
#include "vdev/trace/records.hpp"

namespace bellwire::host {
namespace {

constexpr auto left = TextTable::Align::left;

std::string stage_name(bellwire_stage stage) {
  return std::string(trace::stages[stage].name);
}

std::string table_of(const Played& played) {
  TextTable table({{"µs", TextTable::Align::right, 9}, {"who", left, 8}, {"what", left}});
  for (const auto& line : played.run_log.lines())
    table.add({text("{:.1f}", line.at.count()), line.who, line.what});
  return table.with_heading();
}

std::string verdict(const Played& played) {
  if (!played.finding) return played.defect ? "SURVIVES, and should not" : "survives";
  const auto where = text("the last hop was '{}'", stage_name(played.finding->last));
  if (!played.defect) return text("FAILS: {}", where);
  if (played.as_promised()) return text("fails, as it must: {}", where);
  return text("fails elsewhere: {}, not '{}'", where, stage_name(played.scenario->last));
}

std::string explained(const Scenario& scenario) {
  const TextTable words({{"", left, 7}, {"", left}});
  std::string all;
  for (const auto& [name, what] : {std::pair{"met", std::string(scenario.met)},
                                   {"defect", std::string(scenario.defect)},
                                   {"rule", std::string(scenario.rule)},
                                   {"avoided", std::string(scenario.avoided)}})
    all += words.line({name, what});
  return all;
}

boost::json::value json_of(const Finding& finding) {
  return {{"last", stage_name(finding.last)},
          {"sentence", finding.sentence},
          {"repaired", finding.repaired}};
}

boost::json::value json_of(const Played& played) {
  boost::json::array lines;
  for (const auto& line : played.run_log.lines())
    lines.push_back({{"us", line.at.count()}, {"who", line.who}, {"what", line.what}});
  return {{"defect", played.defect},
          {"as_promised", played.as_promised()},
          {"finding", played.finding ? json_of(*played.finding) : boost::json::value()},
          {"log", std::move(lines)}};
}

boost::json::object json_of(const Scenario& scenario) {
  return {{"scenario", scenario.name},
          {"shows", scenario.shows},
          {"met", scenario.met},
          {"last", stage_name(scenario.last)}};
}

}  // namespace

std::string scenario_list() {
  TextTable table({{"scenario", left}, {"what it shows", left}, {"met in", left}});
  for (const auto& scenario : scenarios())
    table.add({std::string(scenario.name), std::string(scenario.shows), std::string(scenario.met)});
  return table.with_heading();
}

std::string scenario_list_json() {
  boost::json::array all;
  for (const auto& scenario : scenarios()) all.push_back(json_of(scenario));
  return json_text(all) + "\n";
}

std::string as_text(const std::vector<Played>& runs) {
  std::string all;
  for (const auto& played : runs)
    all += text("{}, {}: {}\n", played.scenario->name,
                played.defect ? "with the defect" : "as it is", verdict(played)) +
           table_of(played) + "\n";
  return all + explained(*runs.front().scenario);
}

std::string as_json(const std::vector<Played>& runs) {
  boost::json::array all;
  for (const auto& played : runs) all.push_back(json_of(played));
  auto object = json_of(*runs.front().scenario);
  object["runs"] = std::move(all);
  return json_text(object) + "\n";
}

}  // namespace bellwire::host
