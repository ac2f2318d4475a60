// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/file/function_trace.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <limits>

#include "host/output/json_text.hpp"
#include "host/trace/file/json_node.hpp"

namespace bellwire::host {
namespace {

double ns_between(pci::Event::Clock::duration time) {
  return std::chrono::duration<double, std::nano>(time).count();
}

}  // namespace

// A line per event: as JSON values they would take ten times the memory.
std::string function_trace_file(std::span<const pci::Event> events, std::uint64_t lost,
                                const TraceFacts& facts,
                                std::chrono::system_clock::time_point began) {
  auto head = trace_head(facts, began);
  head["lost"] = lost;
  auto file = json_text(head);
  file.pop_back();  // the brace: more follows
  file += ",\n\"events\":[";
  const char* between = "\n";
  for (const auto& event : events) {
    file +=
        text("{}[{:.0f},\"{}\",{},{},{},{},{:.0f},{}]", std::exchange(between, ",\n"),
             ns_between(event.began - events.front().began), view::name_of(event.kind), event.bar,
             event.where, event.size, event.value, ns_between(event.took), event.failed ? 1 : 0);
  }
  return file + "]}\n";
}

}  // namespace bellwire::host

namespace bellwire::view {
namespace {

constexpr std::array<std::string_view, pci::event_kinds> kind_names = {
    "read", "write", "config read", "config write", "DMA read", "DMA write", "interrupt", "reset"};
constexpr std::uint64_t largest_number = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t largest_size = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t fields = 8;  // of an event

pci::EventKind read_kind(const JsonNode& node) {
  const auto name = node.line();
  const auto* const found = std::ranges::find(kind_names, name);
  if (found == kind_names.end()) node.refuse("what happened, such as \"read\"");
  return static_cast<pci::EventKind>(found - kind_names.begin());
}

double read_time(const JsonNode& node) {
  const auto ns = node.number(0);
  if (ns > largest_time) node.refuse("less than thirteen days");
  return ns;
}

TracedEvent read_event(const JsonNode& node) {
  if (node.size() != fields) node.refuse(text("an array of {}", fields));
  return {.kind = read_kind(node.at(1)),
          .bar = static_cast<unsigned>(node.at(2).whole(pci::most_bars - 1)),
          .where = node.at(3).whole(largest_number),
          .size = static_cast<std::uint32_t>(node.at(4).whole(largest_size)),
          .value = node.at(5).whole(largest_number),
          .at = read_time(node.at(std::size_t{0})),
          .took = read_time(node.at(6)),
          .failed = node.at(7).whole(1) != 0};
}

}  // namespace

std::string_view name_of(pci::EventKind kind) noexcept {
  return kind_names[static_cast<std::size_t>(kind)];
}

bool is_function_trace(const JsonNode& file) {
  return file.has("events");
}

// Transfers are written when they end: so the events are sorted here.
FunctionTrace read_function_trace(const JsonNode& file) {
  FunctionTrace trace{.machine = read_machine(file.at("machine")),
                      .transport = file.at("transport").line(),
                      .device = file.at("device").line(),
                      .began = file.at("began").line(),
                      .lost = file.at("lost").whole(largest_number)};
  const auto events = file.at("events");
  trace.events.reserve(events.size());
  for (std::size_t index = 0; index < events.size(); ++index)
    trace.events.push_back(read_event(events.at(index)));
  std::ranges::stable_sort(trace.events, {}, &TracedEvent::at);
  return trace;
}

}  // namespace bellwire::view
