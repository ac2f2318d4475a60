// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/page.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <map>
#include <set>

#include "host/output/json_text.hpp"
#include "host/trace/view/marks.hpp"

namespace bellwire::view {
namespace {

namespace json = boost::json;

constexpr std::size_t slowest_shown = 10;

// The requests that the page contains, each once; others refer to them by their index here.
class Chosen {
 public:
  explicit Chosen(const Trace& trace) : trace_(trace), marks_(by_request(marks_of(trace))) {}

  std::size_t add(const WholeRequest& timed) {
    const auto [known, added] = places_.try_emplace(timed.request, requests_.size());
    if (added) requests_.push_back(to_json(timed.request));
    return known->second;
  }
  [[nodiscard]] const MarksByRequest& marks() const noexcept { return marks_; }
  [[nodiscard]] json::array release() && { return std::move(requests_); }

 private:
  [[nodiscard]] json::object to_json(std::size_t place) const {
    const auto& request = trace_.requests[place];
    json::array at, marks;
    const auto [first, end] = marks_.equal_range(place);
    for (auto each = first; each != end; ++each)
      marks.push_back({{"words", each->second.words},
                       {"at", each->second.at},
                       {"recovered", each->second.recovered}});
    for (const auto& time : request.at) at.push_back(time ? json::value(*time) : json::value());
    return {{"queue", request.queue},
            {"index", request.index},
            {"at", std::move(at)},
            {"marks", std::move(marks)}};
  }

  const Trace& trace_;
  const MarksByRequest marks_;
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

// What the wires between the sides are on a transport, in the words of docs/architecture.md.
struct WireNames {
  std::string_view transport;
  std::string_view guest, host;  // the places of process and module, and of the device
  std::string_view kick, doorbell, interrupt, call;
  std::string_view memory;
};

constexpr std::array<WireNames, 5> all_wire_names = {{
    {"ivshmem", "guest", "host", "kick eventfd", "ioeventfd", "irqfd, MSI-X", "call eventfd",
     "shared memory: BAR2 in the guest"},
    {"vfio-user", "guest", "host", "kick eventfd", "BAR write", "eventfd, MSI-X", "call eventfd",
     "shared memory: the guest's own"},
    {"kvm", "guest, in assembly", "host", "", "KVM_IOEVENTFD", "KVM_IRQFD", "",
     "shared memory: a slot on a memfd"},
    {"in-process", "the driver's thread", "the device's thread", "", "ioeventfd, modelled",
     "irqfd, modelled", "", "shared memory: a memfd"},
    {"", "guest", "host", "kick", "doorbell", "interrupt", "call", "shared memory"},
}};

// The last, for an unknown transport.
constexpr const WireNames& wire_names(std::string_view transport) {
  return *std::ranges::find_if(all_wire_names, [transport](const WireNames& wires) {
    return wires.transport.empty() || wires.transport == transport;
  });
}

json::object wires_json(const WireNames& wires) {
  return {{"guest", wires.guest},       {"host", wires.host},           {"kick", wires.kick},
          {"doorbell", wires.doorbell}, {"interrupt", wires.interrupt}, {"call", wires.call},
          {"memory", wires.memory}};
}

// They are sorted by their time, the slowest first.
const WholeRequest& at_percentile(const Figures& figures, double part) {
  const auto count = figures.requests.size();
  return figures.requests[count - nearest_rank(part, count)];
}

// The requests that are worth a look, each once.
json::array picks_json(const Figures& figures, Chosen& chosen) {
  json::array picks;
  std::set<std::size_t> picked;
  const auto pick = [&](const std::string& words, const WholeRequest& timed) {
    if (picked.insert(timed.request).second)
      picks.push_back({{"words", words}, {"request", chosen.add(timed)}});
  };
  pick("the median", at_percentile(figures, 0.5));
  pick("slower than 90 %", at_percentile(figures, 0.9));
  pick("slower than 99 %", at_percentile(figures, 0.99));
  pick("the fastest", figures.requests.back());
  for (std::size_t rank = 0; rank < std::min(slowest_shown, figures.requests.size()); ++rank)
    pick(rank == 0 ? "the slowest" : text("the slowest but {}", rank), figures.requests[rank]);
  std::set<std::string> kinds;  // of each, the slowest that it happened to
  for (const auto& timed : figures.requests) {
    const auto [first, end] = chosen.marks().equal_range(timed.request);
    for (auto each = first; each != end; ++each)
      if (kinds.insert(each->second.kind).second) pick(each->second.words, timed);
  }
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
  return {{"figures", to_json(trace, figures, slowest_shown)},
          {"stages", stages_json()},
          {"wires", wires_json(wire_names(trace.transport))},
          {"picks", std::move(picks)},
          {"heat", std::move(heat)},
          {"requests", std::move(chosen).release()}};
}

// Nothing in it may end the script that contains it.
std::string inside_script(const json::object& data) {
  std::string safe;
  for (const char byte : host::json_text(data))
    byte == '<' ? safe.append("\\u003c") : safe.append(1, byte);
  return safe;
}

constexpr double shortest_ns = 1;  // what takes less is shown as that

// The index of the element at that part (0 to 1) of `count` elements.
unsigned place(double part, unsigned count) {
  return static_cast<unsigned>(std::clamp(part * count, 0.0, count - 1.0));
}

double time_of(const WholeRequest& timed) {
  return std::max(timed.ns, shortest_ns);
}

}  // namespace

HeatMap heat_map_of(const Figures& figures) {
  const auto& requests = figures.requests;  // the slowest first
  const auto began = std::ranges::min(requests, {}, &WholeRequest::began).began;
  const auto ended = std::ranges::max(requests, {}, &WholeRequest::began).began;
  HeatMap map{.began = began,
              .span_ns = std::max(ended - began, shortest_ns),
              .least_ns = time_of(requests.back()),
              .most_ns = std::max(time_of(requests.front()), 2 * time_of(requests.back())),
              .cells = {}};
  const auto octaves = std::log(map.most_ns / map.least_ns);
  for (const auto& timed : requests) {
    const auto high = std::log(time_of(timed) / map.least_ns) / octaves;
    const HeatMap::Cell cell{place((timed.began - began) / map.span_ns, HeatMap::columns),
                             place(high, HeatMap::rows)};
    auto& heat = map.cells[cell];
    if (heat.requests++ == 0) heat.slowest = timed;
  }
  return map;
}

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
