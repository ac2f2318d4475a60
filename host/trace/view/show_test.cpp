// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/view/show.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "host/trace/testing/trace_builder.hpp"
#include "vdev/os/text.hpp"

using namespace bellwire;
using namespace bellwire::view;

namespace {

constexpr Screen plain{.width = 100, .unicode = false, .colour = false};

std::string shown(const Trace& trace, const Screen& screen, std::size_t slowest = 1) {
  std::ostringstream out;
  show(out, screen, trace, figures_of(trace, "run.json").value(), slowest);
  return out.str();
}

bool has(const std::string& text, std::string_view words) {
  INFO(text);
  return text.find(words) != std::string::npos;
}

std::size_t longest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

}  // namespace

TEST_CASE("it says what it was recorded on, each hop, and the slowest step by step") {
  const auto printed = shown(trace_of({steady(0), steady(20'000)}), plain);
  CHECK(
      printed.starts_with("echo over ivshmem, accelerator TCG, QEMU 7.2, guest's kernel 6.1\n"
                          "a CPU, kernel 6.18, 2026-01-31T12:00:00Z\n"));
  CHECK(has(printed,
            "\nkicked -> doorbell               2     1.00     1.00     1.00     1.00  10.0 %"));
  CHECK(has(printed,
            "\nsubmitted -> done                2    10.00    10.00    10.00    10.00 100.0 %"));
  CHECK(has(printed, "submitted 1.00 -> kicked 1.00 -> doorbell"));
  CHECK(has(printed, "lost        no record"));
  CHECK_FALSE(has(printed, "incomplete"));
  CHECK_FALSE(has(printed, "backwards"));
}

TEST_CASE("what is uncertain, lost or strange is said") {
  auto late = steady(0);
  for (std::size_t stage = 3; stage < stages.size(); ++stage) late[stage] -= 1100;
  auto half = steady(50'000);
  half[10] = absent;
  auto trace = trace_of({late, half});
  trace.lost = {0, 3, 1'234};
  trace.clock.contradictions = 2;
  trace.interrupts = {{.requests = 64}};
  const auto printed = shown(trace, plain);
  CHECK(has(printed,
            "joined within +- 0.20 us; hops shorter than that: doorbell -> woken; 2 requests"));
  CHECK(has(printed, "lost        3 of the module's, 1,234 of the device's: overwritten"));
  CHECK(has(printed, "incomplete  1 requests, not counted above: their submitted -> done"));
  CHECK(has(printed, "backwards   doorbell -> woken 1 times"));
  CHECK(has(printed, "doorbells   none"));
  CHECK(has(printed, "interrupts  1; requests per signal: 64 at the median, 64 at most"));
}

TEST_CASE("plain text has no escapes and nothing but ASCII, and keeps within the width") {
  auto screen = plain;
  for (const auto width : {80U, 100U, 200U}) {
    screen.width = width;
    const auto printed = shown(trace_of({steady(0)}), screen);
    CHECK(std::ranges::all_of(
        printed, [](char byte) { return byte == '\n' || (byte >= ' ' && byte < 127); }));
    CHECK(longest_line(printed) <= width);
  }
}

TEST_CASE("a bar is as long as its part") {
  CHECK(bar(plain, 1, 10, Side::process) == "##########");
  CHECK(bar(plain, 0.5, 10, Side::process) == "#####");
  CHECK(bar(plain, -1, 10, Side::process).empty());
  CHECK(bar({}, 0.55, 10, Side::process) == "█████▌");
  CHECK(bar({.colour = true}, 0.1, 10, Side::device) == "\x1b[33m█\x1b[0m");
}

TEST_CASE("numbers keep their column") {
  CHECK(micro(1234) == "1.23");
  CHECK(micro(123'456) == "123.5");
  CHECK(micro(9'999'999'999) == "10000000");
  CHECK(micro(-300) == "-0.30");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1'234'567) == "1,234,567");
}
