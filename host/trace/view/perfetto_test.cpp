// SPDX-License-Identifier: BSD-3-Clause
//
// Held against what the documentation of the Trace Event Format asks of each kind of event.
#include "host/trace/view/perfetto.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "host/trace/testing/trace_builder.hpp"

using namespace bellwire;
using namespace bellwire::view;
namespace json = boost::json;

namespace {

using Track = std::pair<std::int64_t, std::int64_t>;
json::array events_of(const Trace& trace) {
  std::ostringstream out;
  write_perfetto(out, trace, figures_of(trace, "run.json").value());
  const auto file = json::parse(out.str());
  CHECK(file.at("displayTimeUnit") == "ns");
  CHECK(file.at("otherData").at("transport") == "ivshmem");
  CHECK(file.at("otherData").at("sources").as_object().size() == stages.size());
  return file.at("traceEvents").as_array();
}

std::string phase_of(const json::value& event) {
  return std::string(event.at("ph").as_string());
}

double number(const json::value& event, std::string_view key) {
  return event.at(key).to_number<double>();
}

// As Perfetto reads it.
std::int64_t ns(const json::value& event, std::string_view key) {
  return std::llround(1000 * number(event, key));
}

Track track_of(const json::value& event) {
  return {event.at("pid").to_number<std::int64_t>(), event.at("tid").to_number<std::int64_t>()};
}

// Requests that overlap, one that polls, one whose hops go backwards, one that another clock
// would have finished before it began.
Trace busy() {
  std::vector<Times> requests;
  for (int number = 0; number < 20; ++number) requests.push_back(steady(1500.0 * number));
  for (const auto stage : {1, 2, 3, 6, 7, 8, 9})
    requests[5][static_cast<std::size_t>(stage)] = absent;
  requests[7][4] -= 5000;
  requests[9][10] = requests[9][0] - 10;
  return trace_of(requests);
}

}  // namespace

TEST_CASE("each event has what its phase asks for") {
  const std::map<std::string, std::set<std::string>> wanted = {
      {"X", {"name", "cat", "ph", "pid", "tid", "ts", "dur"}},
      {"M", {"name", "ph", "pid", "tid", "args"}},
      {"s", {"name", "cat", "ph", "pid", "tid", "ts", "id"}},
      {"t", {"name", "cat", "ph", "pid", "tid", "ts", "id"}},
      {"f", {"name", "cat", "ph", "pid", "tid", "ts", "id", "bp"}}};
  for (const auto& event : events_of(busy())) {
    std::set<std::string> keys;
    for (const auto& member : event.as_object()) keys.insert(member.key());
    if (phase_of(event) == "X") keys.erase("args");  // only where there is something to say
    REQUIRE(wanted.contains(phase_of(event)));
    CHECK(keys == wanted.at(phase_of(event)));
    if (phase_of(event) == "X") CHECK(number(event, "dur") >= 0);
  }
}

TEST_CASE("on a track time never goes back, and slices nest") {
  std::map<Track, std::int64_t> latest;
  std::map<Track, std::vector<std::int64_t>> open;  // ends of the slices around
  for (const auto& event : events_of(busy())) {
    if (phase_of(event) == "M") continue;
    const auto track = track_of(event);
    const auto at = ns(event, "ts");
    if (latest.contains(track)) CHECK(at >= latest[track]);
    latest[track] = at;
    if (phase_of(event) != "X") continue;
    auto& ends = open[track];
    while (!ends.empty() && ends.back() <= at) ends.pop_back();
    const auto end = at + ns(event, "dur");
    if (!ends.empty()) CHECK(end <= ends.back());
    ends.push_back(end);
  }
}

TEST_CASE("an arrow starts once, ends once, and every point of it is in a slice") {
  const auto events = events_of(busy());
  std::map<std::int64_t, std::string> flows;
  for (std::size_t index = 0; index < events.size(); ++index) {
    const auto& event = events[index];
    if (!event.as_object().contains("id")) continue;
    auto& phases = flows[event.at("id").as_int64()];
    phases += phase_of(event);
    const auto& slice = events[index - 1];
    CHECK(phase_of(slice) == "X");
    CHECK(track_of(slice) == track_of(event));
    CHECK(number(slice, "ts") == number(event, "ts"));
  }
  CHECK(flows.size() == 20);
  CHECK(flows.begin()->second == "stttf");  // to the module, the device, the module, the process
  for (const auto& [id, phases] : flows) {
    CHECK(phases.front() == 's');
    CHECK(phases.back() == 'f');
    CHECK(phases.find_first_not_of('t', 1) == phases.size() - 1);
  }
}

TEST_CASE("every process and track has a name, and a hop that goes backwards its true time") {
  const auto events = events_of(busy());
  std::set<Track> used, named;
  std::set<std::string> processes;
  bool backwards = false;
  for (const auto& event : events) {
    if (event.at("name") == "thread_name") named.insert(track_of(event));
    if (event.at("name") == "process_name")
      processes.emplace(event.at("args").at("name").as_string());
    if (phase_of(event) != "X") continue;
    used.insert(track_of(event));
    if (const auto* const args = event.as_object().if_contains("args"))
      backwards |= number(*args, "ns") == -4000 && number(event, "dur") == 0;
  }
  CHECK(std::ranges::includes(named, used));
  CHECK(processes == std::set<std::string>{"process", "module", "device 'echo', over ivshmem"});
  CHECK(backwards);
}
