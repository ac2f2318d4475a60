// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/steps/screen.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "vdev/os/event_fd.hpp"
#include "vdev/os/text.hpp"
#include "vdev/trace/records.hpp"

using namespace bellwire;
using steps::Screen;
using steps::Stop;

namespace {

Stop stop_before(std::size_t stage) {
  return {static_cast<bellwire_stage>(stage), 0, "vdev/ring/device_queue_steps.cpp", 41, "show"};
}

}  // namespace

TEST_CASE("each stop's screen fits, names its hop as traces do, and has no escapes of its own") {
  for (std::size_t stage = 0; stage < trace::stages.size(); ++stage) {
    Screen screen({});
    const auto page = screen.draw(stop_before(stage), {{"kick", 1}, {"submitted", 4294967295}});
    CAPTURE(page);
    std::istringstream lines(page);
    for (std::string line; std::getline(lines, line);) CHECK(columns_of(line) <= 100);
    CHECK(page.find(text("▶ {} ", trace::stages[stage].name)) != std::string::npos);
    CHECK(page.find("vdev/ring/device_queue_steps.cpp:41, show()") != std::string::npos);
    CHECK(page.find('\x1b') == std::string::npos);
  }
}

TEST_CASE("what has changed since the last stop says what it was") {
  Screen screen({.colour = true, .clear = true});
  const auto first = screen.draw(stop_before(1), {{"kick", 1}, {"call", 0}});
  CHECK(first.starts_with("\x1b[H\x1b[2J"));
  CHECK(first.find("(was") == std::string::npos);
  const auto second = screen.draw(stop_before(2), {{"kick", 0}, {"call", 0}});
  CHECK(second.find("\x1b[1;35mkick 0 (was 1)\x1b[0m   call 0\n") != std::string::npos);
}

TEST_CASE("a count is seen, and not taken; what is no eventfd has none") {
  const auto event = os::EventFd::create(18).value();
  steps::Values values;
  steps::add_count(values, "kick", event.fd());
  steps::add_count(values, "call", -1);
  steps::add_count(values, "call", 0);
  CHECK(values == steps::Values{{"kick", 18}});
  CHECK(event.drain() == 18);
}

TEST_CASE("a source's file is named below the root, wherever that is") {
  CHECK(steps::source_file("/tmp/vdev/clone/vdev/ring/queue.cpp") == "vdev/ring/queue.cpp");
  CHECK(steps::source_file("guest-kmod/bell/ring/step.cpp") == "guest-kmod/bell/ring/step.cpp");
  CHECK(steps::source_file("/elsewhere/queue.cpp") == "/elsewhere/queue.cpp");
}

TEST_CASE("records name stop and values in JSON") {
  CHECK(steps::json_of(std::nullopt) == "null");
  CHECK(steps::json_of(std::optional(stop_before(5))) ==
        R"({"next":"posted","queue":0,"file":"vdev/ring/device_queue_steps.cpp","line":41,)"
        R"("function":"show"})");
  CHECK(steps::json_of(steps::Values{{"kick", 1}, {"call", 0}}) == R"({"kick":1,"call":0})");
}
