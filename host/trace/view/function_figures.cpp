// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/function_figures.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <map>
#include <numeric>
#include <tuple>

#include "host/output/markup.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::view {
namespace {

namespace json = boost::json;
using pci::EventKind;

bool is_dma(EventKind kind) {
  return kind == EventKind::dma_read || kind == EventKind::dma_write;
}

// Transfers are one place for each direction, wherever in the guest's memory they go.
auto key_of(const TracedEvent& event) {
  const bool dma = is_dma(event.kind);
  return std::tuple(event.kind, event.bar, dma ? 0 : event.where);
}

struct Collected {
  PlaceFigures figures;
  std::vector<double> times;
};

void add(Collected& place, const TracedEvent& event) {
  place.figures.kind = event.kind;
  if (place.times.empty()) place.figures.name = place_of(event);
  place.figures.bytes += event.failed ? 0 : event.size;
  place.figures.failed += event.failed ? 1 : 0;
  place.figures.last_value = event.value;
  place.times.push_back(event.took);
}

double end_of(const TracedEvent& event) {
  return event.at + event.took;
}

json::object place_json(const PlaceFigures& place) {
  return {{"what", place.name},     {"count", place.ns.count},
          {"bytes", place.bytes},   {"failed", place.failed},
          {"p50_ns", place.ns.p50}, {"p99_ns", place.ns.p99},
          {"max_ns", place.ns.max}, {"last", text("{:#x}", place.last_value)}};
}

json::object event_json(const TracedEvent& event) {
  return {{"what", place_of(event)},
          {"at_ns", event.at},
          {"took_ns", event.took},
          {"value", text("{:#x}", event.value)}};
}

std::vector<std::string> row(const PlaceFigures& place) {
  const bool timed = place.kind != EventKind::interrupt;
  const auto time = [timed](double ns) { return timed ? micro(ns) : "-"; };
  return {place.name,
          grouped(place.ns.count),
          grouped(place.bytes),
          time(place.ns.p50),
          time(place.ns.p99),
          time(place.ns.max),
          is_dma(place.kind) || !timed ? "-" : text("{:#x}", place.last_value),
          place.failed > 0 ? text("{} failed", grouped(place.failed)) : ""};
}

std::string words_of(const TracedEvent& event) {
  if (event.kind == EventKind::interrupt)
    return event.size > 1 ? text("{} at once", event.size) : "";
  if (is_dma(event.kind))
    return text("{} bytes at {:#x}{}", grouped(event.size), event.where,
                event.failed ? ", failed" : "");
  return event.kind == EventKind::reset ? "" : text("{:#x}", event.value);
}

}  // namespace

std::string place_of(const TracedEvent& event) {
  const auto kind = name_of(event.kind);
  switch (event.kind) {
    case EventKind::read:
    case EventKind::write:
      return text("BAR{}+{:#x} {}", event.bar, event.where, kind);
    case EventKind::config_read:
    case EventKind::config_write:
      return text("{} {:#x}", kind, event.where);
    case EventKind::interrupt:
      return text("{} {}", kind, event.where);
    default:
      return std::string(kind);
  }
}

Result<FunctionFigures> figures_of(const FunctionTrace& trace, const std::string& name) {
  if (trace.events.empty())
    return fault(std::errc::protocol_error, "trace '{}': nothing happened while it was recorded",
                 name);
  std::map<decltype(key_of(trace.events.front())), Collected> places;
  FunctionFigures figures;
  for (const auto& event : trace.events) {
    add(places[key_of(event)], event);
    figures.span_ns = std::max(figures.span_ns, end_of(event) - trace.events.front().at);
  }
  for (auto& [key, place] : places) {
    place.figures.ns = summarize(std::move(place.times));
    figures.places.push_back(std::move(place.figures));
  }
  figures.slowest.resize(trace.events.size());
  std::iota(figures.slowest.begin(), figures.slowest.end(), std::size_t{0});
  std::ranges::stable_sort(figures.slowest, std::greater(),
                           [&](std::size_t index) { return trace.events[index].took; });
  return figures;
}

void show(std::ostream& out, const Screen& screen, const FunctionTrace& trace,
          const FunctionFigures& figures, std::size_t slowest) {
  constexpr auto left = TextTable::Align::left, right = TextTable::Align::right;
  show_origin(out, trace.device, trace.transport, trace.machine, trace.began);
  TextTable table({{text("what; times in {}", screen.micro()), left, 24},
                   {"count", right, 9},
                   {"bytes", right, 11},
                   {"p50", right, 8},
                   {"p99", right, 8},
                   {"max", right, 8},
                   {"last value", right, 12},
                   {"", left}},
                  1);
  for (const auto& place : figures.places) table.add(row(place));
  out << table.with_heading() << '\n'
      << text("{} events in {} {}, {} lost\n", grouped(trace.events.size()), micro(figures.span_ns),
              screen.micro(), grouped(trace.lost));
  const auto shown = std::min(slowest, figures.slowest.size());
  if (shown > 0) out << "\nslowest\n";
  for (std::size_t rank = 0; rank < shown; ++rank) {
    const auto& event = trace.events[figures.slowest[rank]];
    out << text("    {:>10} {} at {:>12}  {}  {}\n", micro(event.took), screen.micro(),
                micro(event.at), place_of(event), words_of(event));
  }
}

json::object to_json(const FunctionTrace& trace, const FunctionFigures& figures,
                     std::size_t slowest) {
  json::array places, slow;
  for (const auto& place : figures.places) places.push_back(place_json(place));
  for (std::size_t rank = 0; rank < std::min(slowest, figures.slowest.size()); ++rank)
    slow.push_back(event_json(trace.events[figures.slowest[rank]]));
  return {{"version", 1},
          {"device", trace.device},
          {"transport", trace.transport},
          {"began", trace.began},
          {"span_ns", figures.span_ns},
          {"lost", trace.lost},
          {"places", std::move(places)},
          {"slowest", std::move(slow)}};
}

namespace {

constexpr std::size_t most_on_page = 20'000;  // events

void write_row(std::ostream& out, const std::vector<std::string>& cells) {
  out << "<tr>";
  for (const auto& cell : cells) out << "<td>" << host::markup_text(cell);
  out << '\n';
}

constexpr std::string_view page_begin = R"(<!doctype html>
<html lang="en"><meta charset="utf-8"><title>bellwire: a PCI device</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
td, th { padding: 1px 8px; text-align: right; border-bottom: 1px solid #8884; white-space: nowrap; }
td:first-child, th:first-child { text-align: left; }
#events td:nth-child(3), #events td:nth-child(4) { text-align: left; }
input { font: inherit; width: 20em; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } }
</style>
)";

constexpr std::string_view page_end = R"(</table>
<script>
"use strict";
const rows = [...document.querySelectorAll("#events tr")].slice(1);
document.getElementById("find").addEventListener("input", event => {
  const words = event.target.value.toLowerCase();
  let shown = 0;
  for (const row of rows) shown += !(row.hidden = !row.textContent.toLowerCase().includes(words));
  document.getElementById("shown").textContent = shown;
});
</script>
)";

}  // namespace

void write_page(std::ostream& out, const FunctionTrace& trace, const FunctionFigures& figures) {
  const auto shown = std::min(trace.events.size(), most_on_page);
  out << page_begin
      << text("<h1>{} over {}</h1><p>{}; {} events in {} µs, {} lost; kernel {}, {}\n",
              host::markup_text(trace.device), host::markup_text(trace.transport),
              host::markup_text(trace.began), grouped(trace.events.size()), micro(figures.span_ns),
              grouped(trace.lost), host::markup_text(trace.machine.kernel),
              host::markup_text(trace.machine.cpu))
      << "<h2>What happened</h2><table><tr><th>what<th>count<th>bytes<th>p50 µs<th>p99 µs"
         "<th>max µs<th>last value<th>\n";
  for (const auto& place : figures.places) write_row(out, row(place));
  out << text(
      "</table><h2>One after the other</h2>\n<p><input id=find placeholder=\"BAR0+0x10, DMA, "
      "interrupt…\"> <span id=shown>{}</span> shown{}\n<table id=events>"
      "<tr><th>at, µs<th>took, µs<th>what<th>\n",
      shown, shown < trace.events.size() ? text(", of {}", grouped(trace.events.size())) : "");
  for (std::size_t index = 0; index < shown; ++index) {
    const auto& event = trace.events[index];
    write_row(out, {micro(event.at), micro(event.took), place_of(event), words_of(event)});
  }
  out << page_end;
}

}  // namespace bellwire::view
