// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/function_figures.hpp"

#include <doctest/doctest.h>

#include <boost/json/serialize.hpp>
#include <sstream>

using namespace bellwire;
using namespace bellwire::view;
using pci::EventKind;

namespace {

// Made up: never shown as something that was measured.
FunctionTrace function_trace_of(std::vector<TracedEvent> events) {
  FunctionTrace trace;
  trace.machine.cpu = "none";
  trace.machine.kernel = "6.1";
  trace.transport = "vfio-user";
  trace.device = "<mine>";
  trace.began = "2026-01-01T00:00:00Z";
  trace.events = std::move(events);
  return trace;
}

FunctionTrace usual() {
  return function_trace_of(
      {{.kind = EventKind::write, .where = 8, .size = 4, .value = 1, .took = 2000},
       {.kind = EventKind::write, .where = 8, .size = 4, .value = 5, .at = 1000, .took = 4000},
       {.kind = EventKind::read, .where = 8, .size = 4, .at = 1500, .took = 10},
       {.kind = EventKind::dma_read, .where = 0x1000, .size = 512, .at = 2000, .took = 7000},
       {.kind = EventKind::dma_read,
        .where = 0x5000,
        .size = 100,
        .at = 2500,
        .took = 50,
        .failed = true},
       {.kind = EventKind::interrupt, .where = 3, .size = 2, .at = 3000}});
}

}  // namespace

TEST_CASE("events are counted by place, and transfers by direction") {
  const auto trace = usual();
  const auto figures = figures_of(trace, "file").value();
  REQUIRE(figures.places.size() == 4);
  CHECK(figures.places[0].name == "BAR0+0x8 read");
  CHECK(figures.places[1].name == "BAR0+0x8 write");
  CHECK(figures.places[1].ns.count == 2);
  CHECK(figures.places[1].ns.max == 4000);
  CHECK(figures.places[1].last_value == 5);
  CHECK(figures.places[2].name == "DMA read");
  CHECK(figures.places[2].bytes == 512);
  CHECK(figures.places[2].failed == 1);
  CHECK(figures.places[3].name == "interrupt 3");
  CHECK(figures.places[3].bytes == 2);
  CHECK(figures.span_ns == 9000);
  CHECK(figures.slowest.front() == 3);
}

TEST_CASE("a trace in which nothing happened has no figures") {
  CHECK(
      figures_of(function_trace_of({}), "file").error().message.find("'file': nothing happened") !=
      std::string::npos);
}

TEST_CASE("the text has a line per place, and the slowest") {
  const auto trace = usual();
  std::ostringstream out;
  show(out, {}, trace, figures_of(trace, "file").value(), 1);
  for (const auto* const words : {"<mine> over vfio-user", "BAR0+0x8 write", "1 failed",
                                  "6 events in 9.00 µs, 0 lost", "DMA read  512 bytes at 0x1000"})
    CHECK(out.str().find(words) != std::string::npos);
}

TEST_CASE("JSON has the same figures") {
  const auto trace = usual();
  const auto all = to_json(trace, figures_of(trace, "file").value(), 2);
  CHECK(all.at("places").as_array().size() == 4);
  CHECK(all.at("slowest").as_array().size() == 2);
  CHECK(all.at("places").at(1).at("last") == "0x5");
}

TEST_CASE("the page has the events, and nothing in it is taken for HTML") {
  const auto trace = usual();
  std::ostringstream out;
  write_page(out, trace, figures_of(trace, "file").value());
  CHECK(out.str().find("&lt;mine&gt;") != std::string::npos);
  CHECK(out.str().find("<mine>") == std::string::npos);
  CHECK(out.str().find("<td>2.00<td>7.00<td>DMA read<td>512 bytes at 0x1000") != std::string::npos);
}
