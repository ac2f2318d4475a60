// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/record/function_log.hpp"

#include <doctest/doctest.h>

#include "host/trace/file/function_trace.hpp"

using namespace bellwire;
using host::FunctionLog;
using pci::EventKind;

TEST_CASE("a log counts always, and keeps events only while somebody records") {
  FunctionLog log(2);
  log.saw({.kind = EventKind::write, .bar = 1, .size = 4, .where = 8, .value = 7}, {});
  CHECK(log.end().events.empty());
  log.begin();
  log.saw({.kind = EventKind::dma_write, .size = 512, .where = 0x1000}, {});
  log.saw({.kind = EventKind::dma_read, .failed = true, .size = 64}, {});
  log.saw({.kind = EventKind::interrupt, .size = 3}, {});
  CHECK(log.recorded() == 2);
  const auto recorded = log.end();
  CHECK(recorded.events.size() == 2);
  CHECK(recorded.lost == 1);
  const auto counts = log.counts();
  CHECK(counts.of(EventKind::write) == 1);
  CHECK(counts.of(EventKind::interrupt) == 3);
  CHECK(counts.dma_bytes == 512);
  CHECK(counts.failed == 1);
}

TEST_CASE("what was recorded can be read back from the file, in the order in which it began") {
  using namespace std::chrono_literals;
  const auto start = pci::Event::Clock::now();
  const pci::Event events[] = {
      {.kind = EventKind::write, .bar = 2, .size = 4, .where = 8, .value = ~0ULL, .began = start},
      {.kind = EventKind::interrupt, .size = 2, .where = 5, .began = start + 3us},
      {.kind = EventKind::dma_read,
       .failed = true,
       .size = 64,
       .where = 1ULL << 63,
       .began = start + 1us,
       .took = 5us}};
  const auto file = host::function_trace_file(
      events, 9, {.transport = "vfio-user", .device = "mine"}, std::chrono::system_clock::now());
  const auto read = view::parse_any(file, "file").value();
  const auto& trace = std::get<view::FunctionTrace>(read);
  CHECK(trace.device == "mine");
  CHECK(trace.lost == 9);
  REQUIRE(trace.events.size() == 3);
  CHECK(trace.events[0].value == ~0ULL);
  CHECK(trace.events[0].bar == 2);
  CHECK(trace.events[1].kind == EventKind::dma_read);
  CHECK(trace.events[1].where == 1ULL << 63);
  CHECK(trace.events[1].failed);
  CHECK(trace.events[1].at == 1000);
  CHECK(trace.events[1].took == 5000);
  CHECK(trace.events[2].where == 5);
}

TEST_CASE("a file that is wrong is refused with the place") {
  const auto file = host::function_trace_file({}, 0, {.transport = "vfio-user", .device = "mine"},
                                              std::chrono::system_clock::now());
  const auto with = [&](const std::string& event) {
    auto spoilt = file;
    return view::parse_any(spoilt.insert(spoilt.rfind(']'), event), "file");
  };
  CHECK(with("").has_value());
  CHECK(with(R"([0,"read",0,0,4,0,0,0])").has_value());
  for (const auto* const wrong :
       {R"([0,"read",6,0,4,0,0,0])", R"([0,"nosuch",0,0,4,0,0,0])", R"([-1,"read",0,0,4,0,0,0])",
        R"([0,"read",0,0,4,0,0])", R"([1e16,"read",0,0,4,0,0,0])", R"([0,"read",0,-1,4,0,0,0])",
        "{}", "7"}) {
    const auto refused = with(wrong);
    REQUIRE(refused.has_error());
    CHECK(refused.error().message.find("events[0]") != std::string::npos);
  }
}
