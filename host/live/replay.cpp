// SPDX-License-Identifier: BSD-3-Clause
#include "host/live/replay.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <numeric>

#include "host/output/json_text.hpp"

namespace bellwire::host::live {
namespace {

namespace json = boost::json;

struct Record {
  double at;
  std::size_t kind;
  std::uint32_t queue;
  std::optional<std::uint32_t> request;
  std::uint32_t requests;
};

// A signal's stages are taken from the lists of signals: there each is one, however many requests
// it stood for.
constexpr std::size_t doorbell = BELLWIRE_RUNG, interrupt = BELLWIRE_INTERRUPTED;

void add_signals(std::vector<Record>& records, const std::vector<view::TracedSignal>& signals,
                 std::size_t kind) {
  for (const auto& signal : signals)
    records.push_back({signal.at, kind, signal.queue, std::nullopt, signal.requests});
}

std::vector<Record> records_of(const view::Trace& trace) {
  std::vector<Record> records;
  for (const auto& request : trace.requests)
    for (std::size_t stage = 0; stage < request.at.size(); ++stage)
      if (request.at[stage] && stage != doorbell && stage != interrupt)
        records.push_back({*request.at[stage], stage, request.queue, request.index, 1});
  add_signals(records, trace.doorbells, doorbell);
  add_signals(records, trace.interrupts, interrupt);
  std::ranges::stable_sort(records, {},
                           [](const Record& each) { return std::pair(each.at, each.kind); });
  return records;
}

json::object head(const std::string& name, const auto& trace, std::size_t all) {
  return {{"name", name},
          {"device", trace.device},
          {"transport", trace.transport},
          {"began", trace.began},
          {"of", all},
          {"shown", std::min(all, most_records)}};
}

json::array stage_kinds() {
  json::array kinds;
  for (const auto& stage : view::stages)
    kinds.push_back(
        {{"name", stage.name}, {"side", view::name_of(stage.side)}, {"words", stage.words}});
  return kinds;
}

json::array event_kinds() {
  json::array kinds;
  for (std::size_t kind = 0; kind < pci::event_kinds; ++kind) {
    const auto name = view::name_of(static_cast<pci::EventKind>(kind));
    const bool of_device = name.starts_with("DMA") || name == "interrupt";
    kinds.push_back({{"name", name}, {"side", of_device ? "device" : "module"}, {"words", name}});
  }
  return kinds;
}

json::value queue_request(const std::optional<std::uint32_t>& request) {
  return request ? json::value(*request) : json::value();
}

json::object data_of(const std::string& name, const view::Trace& trace) {
  const auto all = records_of(trace);
  auto data = head(name, trace, all.size());
  json::array records;
  for (const auto& each : std::span(all).first(std::min(all.size(), most_records)))
    records.push_back({each.at, each.kind, each.queue, queue_request(each.request), each.requests});
  data["uncertainty_ns"] = trace.clock.uncertainty_ns;
  data["lost"] = std::accumulate(trace.lost.begin(), trace.lost.end(), std::uint64_t{0});
  data["kinds"] = stage_kinds();
  data["records"] = std::move(records);
  return data;
}

json::object data_of(const std::string& name, const view::FunctionTrace& trace) {
  const std::span all(trace.events);
  auto data = head(name, trace, all.size());
  json::array records;
  for (const auto& each : all.first(std::min(all.size(), most_records)))
    records.push_back(
        {each.at, static_cast<std::size_t>(each.kind), each.where, each.size, each.failed ? 1 : 0});
  data["function"] = true;
  data["uncertainty_ns"] = 0;
  data["lost"] = trace.lost;
  data["kinds"] = event_kinds();
  data["records"] = std::move(records);
  return data;
}

}  // namespace

std::string replay_text(const std::string& name, const view::AnyTrace& trace) {
  return std::visit(
      [&](const auto& each) {
        return json_text(json::object{{"trace", data_of(name, each)}});
      },
      trace);
}

}  // namespace bellwire::host::live
