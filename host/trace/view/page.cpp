// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/page.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "host/output/json_text.hpp"
#include "host/trace/view/heat_map.hpp"
#include "host/trace/view/page_parts.hpp"
#include "host/trace/view/wires.hpp"

namespace bellwire::view {
namespace {

namespace json = boost::json;

constexpr std::size_t slowest_told = 10;

// The requests that the page has, each once; others name them by their place here.
class Chosen {
 public:
  explicit Chosen(const Trace& trace) : trace_(trace) {}

  std::size_t add(const Journey& journey) {
    const auto [known, added] = places_.try_emplace(journey.request, requests_.size());
    if (added) requests_.push_back(to_json(trace_.requests[journey.request]));
    return known->second;
  }
  [[nodiscard]] json::array release() && { return std::move(requests_); }

 private:
  static json::object to_json(const Request& request) {
    json::array at;
    for (const auto& time : request.at) at.push_back(time ? json::value(*time) : json::value());
    return {{"queue", request.queue}, {"index", request.index}, {"at", std::move(at)}};
  }

  const Trace& trace_;
  std::map<std::size_t, std::size_t> places_;
  json::array requests_;
};

json::array stages_json() {
  json::array list;
  for (const auto& stage : stages)
    list.push_back({{"name", stage.name},
                    {"side", name_of(stage.side)},
                    {"words", stage.words},
                    {"source", stage.source}});
  return list;
}

json::object wires_json(const Wires& wires) {
  return {{"guest", wires.guest},       {"host", wires.host},           {"kick", wires.kick},
          {"doorbell", wires.doorbell}, {"interrupt", wires.interrupt}, {"call", wires.call},
          {"memory", wires.memory}};
}

// The journeys are sorted by their time, the slowest first.
const Journey& at_percentile(const Figures& figures, double part) {
  const auto count = figures.journeys.size();
  return figures.journeys[std::min(
      count - 1, static_cast<std::size_t>((1 - part) * static_cast<double>(count)))];
}

// The requests that are worth a look, each once.
json::array picks_json(const Figures& figures, Chosen& chosen) {
  json::array picks;
  std::set<std::size_t> picked;
  const auto pick = [&](const std::string& words, const Journey& journey) {
    if (picked.insert(journey.request).second)
      picks.push_back({{"words", words}, {"request", chosen.add(journey)}});
  };
  pick("the median", at_percentile(figures, 0.5));
  pick("slower than 90 %", at_percentile(figures, 0.9));
  pick("slower than 99 %", at_percentile(figures, 0.99));
  pick("the fastest", figures.journeys.back());
  for (std::size_t rank = 0; rank < std::min(slowest_told, figures.journeys.size()); ++rank)
    pick(rank == 0 ? "the slowest" : text("the slowest but {}", rank), figures.journeys[rank]);
  return picks;
}

json::object heat_json(const HeatMap& map, Chosen& chosen) {
  json::array cells;
  for (const auto& [cell, heat] : map.cells)
    cells.push_back({cell.column, cell.row, heat.requests, chosen.add(heat.slowest)});
  return {{"columns", HeatMap::columns}, {"rows", HeatMap::rows},    {"began_ns", map.began},
          {"span_ns", map.span_ns},      {"least_ns", map.least_ns}, {"most_ns", map.most_ns},
          {"cells", std::move(cells)}};
}

json::object data_of(const Trace& trace, const Figures& figures) {
  Chosen chosen(trace);
  auto picks = picks_json(figures, chosen);
  auto heat = heat_json(heat_map_of(figures), chosen);
  return {{"figures", to_json(trace, figures, slowest_told)},
          {"stages", stages_json()},
          {"wires", wires_json(wires_of(trace.transport))},
          {"picks", std::move(picks)},
          {"heat", std::move(heat)},
          {"requests", std::move(chosen).release()}};
}

// So that nothing in it ends the script that it stands in.
std::string inside_script(const json::object& data) {
  std::string safe;
  for (const char byte : host::json_text(data))
    byte == '<' ? safe.append("\\u003c") : safe.append(1, byte);
  return safe;
}

}  // namespace

void write_page(std::ostream& out, const Trace& trace, const Figures& figures) {
  std::string_view rest = page::skeleton;
  const auto up_to = [&](std::string_view mark) {
    const auto place = rest.find(mark);
    out << rest.substr(0, place);
    rest.remove_prefix(place + mark.size());
  };
  up_to("/* style */");
  out << page::style;
  up_to("/* data */");
  out << inside_script(data_of(trace, figures));
  up_to("/* script */");
  out << page::script << rest;
}

}  // namespace bellwire::view
