// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/file/trace.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <random>

#include "host/trace/testing/trace_builder.hpp"

using namespace bellwire;
using namespace bellwire::view;
namespace json = boost::json;

namespace {

std::string complaint(const std::string& content) {
  const auto trace = parse(content, "run.json");
  REQUIRE(trace.has_error());
  CHECK(trace.error().message.find('\n') == std::string::npos);
  return trace.error().message;
}

// A file that has `value` at that place.
std::string changed(std::string_view pointer, json::value value) {
  json::value file = file_of({steady(0), steady(500)});
  file.at_pointer(pointer) = std::move(value);
  return json::serialize(file);
}

}  // namespace

TEST_CASE("what is written is read") {
  auto polled = steady(500);
  polled[1] = polled[2] = polled[3] = absent;
  auto file = file_of({steady(0), polled});
  file["doorbells"] = json::array{{{"queue", 3}, {"at", 2000.5}, {"requests", 2}}};
  file["lost"].as_object()["module"] = 7;
  const auto trace = parse(json::serialize(file), "run.json").value();
  CHECK(*trace.machine.accelerator == "TCG");
  CHECK(*trace.machine.qemu == "7.2");
  CHECK(trace.clock.uncertainty_ns == 200);
  CHECK(trace.lost[1] == 7);
  REQUIRE(trace.requests.size() == 2);
  CHECK(trace.requests[1].index == 1);
  CHECK(*trace.requests[1].at[0] == 500);
  CHECK_FALSE(trace.requests[1].at[2].has_value());
  REQUIRE(trace.doorbells.size() == 1);
  CHECK(trace.doorbells[0].queue == 3);
  CHECK(trace.doorbells[0].at == 2000.5);
  CHECK(trace.doorbells[0].requests == 2);
}

TEST_CASE("faults and recoveries are read; older files have none") {
  auto file = file_of({steady(0)});
  CHECK(parse(json::serialize(file), "run.json").value().faults.empty());
  file["faults"] =
      json::array{{{"queue", 0}, {"at", 2000.5}, {"what", "drop interrupt 3"}, {"index", 7}},
                  {{"queue", 0}, {"at", 1e300}, {"what", "drop interrupt 4"}, {"index", nullptr}},
                  {{"queue", 0}, {"at", 3000}, {"what", "invent doorbell"}, {"index", nullptr}}};
  file["recovered"] =
      json::array{{{"queue", 0}, {"at", 2500}, {"what", "interrupt"}, {"index", 7}}};
  const auto trace = parse(json::serialize(file), "run.json").value();
  REQUIRE(trace.faults.size() == 2);
  CHECK(trace.faults[0].at == 2000.5);
  CHECK(trace.faults[0].what == "drop interrupt 3");
  CHECK(trace.faults[0].index == 7U);
  CHECK_FALSE(trace.faults[1].index.has_value());
  REQUIRE(trace.recovered.size() == 1);
  CHECK(trace.recovered[0].what == "interrupt");
  REQUIRE(trace.left_out.size() == 1);
  CHECK(trace.left_out[0].records == 1);
  file["faults"].as_array()[0].as_object()["what"] = "two\nlines";
  CHECK(complaint(json::serialize(file)).find("faults[0].what is a text with control characters") !=
        std::string::npos);
}

TEST_CASE("what is wrong is named, with its place and what it should be") {
  const json::value too_long(std::string(300, 'x'));
  const struct {
    std::string_view pointer;
    json::value value;
    std::string_view expected;
  } all[] = {
      {"/version", 2, "version is 2: it should be 1"},
      {"/version", "1", "version is \"1\""},
      {"/machine", 7, "machine is 7: it should be an object"},
      {"/machine/cpu", nullptr, "machine.cpu is null: it should be a line"},
      {"/machine/qemu", 7.5, "machine.qemu is 7.5: "},
      {"/transport", "\x1b[2J", "transport is a text with control characters"},
      {"/device", "\xc2\x9b", "device is a text with control characters"},
      {"/device", "", "device is \"\""},
      {"/began", too_long, "began is a text of 302 bytes: it should be a line of 1 to 256 bytes"},
      {"/clock/ticks_per_ns", 0, "clock.ticks_per_ns is 0"},
      {"/clock/uncertainty_ns", -1, "clock.uncertainty_ns is -1: it should be 0 or more"},
      {"/clock/contradictions", 0.5, "clock.contradictions is 0.5: "},
      {"/stages/4/side", "module", "stages[4].side is \"module\": it should be device"},
      {"/stages", json::array(), "stages is an array: it should be an array of 11 stages"},
      {"/lost/device", -1, "lost.device is -1"},
      {"/lost", json::object(), "lost.process is missing"},
      {"/requests", json::object(), "requests is an object: it should be an array"},
      {"/requests/1", 1, "requests[1] is 1: it should be an object"},
      {"/requests/1/index", 1LL << 32, "requests[1].index is 4294967296"},
      {"/requests/1/at", json::array(10),
       "requests[1].at is an array: it should be an array of 11"},
      {"/requests/1/at/3", "soon", "requests[1].at[3] is \"soon\": it should be a number or null"},
      {"/requests/1/at/3", true, "requests[1].at[3] is true"},
      {"/requests/1/at/0", -5, "requests[1].at[0] is -5: it should be 0 or more"},
      {"/doorbells", json::array{1}, "doorbells[0] is 1"},
      {"/interrupts", json::array{json::object()}, "interrupts[0].queue is missing"},
  };
  for (const auto& [pointer, value, expected] : all) {
    const auto said = complaint(changed(pointer, value));
    INFO(said);
    CHECK(said.starts_with("trace 'run.json': " + std::string(expected)));
    CHECK(said.ends_with("; if it was not changed, record it again"));
  }
}

TEST_CASE("what is not JSON is named by line and column") {
  CHECK(complaint("{\n \"version\": NaN}").find("line 2, column 13 is not JSON") !=
        std::string::npos);
  CHECK(complaint("").find("line 1, column 1 is not JSON (incomplete") != std::string::npos);
  CHECK(complaint("{} {}").find("line 1, column 4 is not JSON (extra data") != std::string::npos);
  CHECK(complaint(std::string(1000, '[')).find("is not JSON (too deep") != std::string::npos);
  const auto huge = changed("/requests/1/at/3", "1e999");
  CHECK(complaint(std::string(huge).replace(huge.find("\"1e999\""), 7, "1e999"))
            .find("requests[1].at[3]") != std::string::npos);
}

TEST_CASE("a file that isn't there, or is too large, is not read") {
  const auto none = read("/nowhere/run.json");
  REQUIRE(none.has_error());
  CHECK(none.error().message ==
        "cannot read the trace '/nowhere/run.json': No such file or directory");

  const auto path = std::filesystem::temp_directory_path() /
                    ("bellwire-trace-" + std::to_string(std::random_device()()));
  { std::ofstream file(path); }
  std::filesystem::resize_file(path, (512ULL << 20) + 1);  // of holes
  const auto large = read(path);
  std::filesystem::remove(path);
  REQUIRE(large.has_error());
  CHECK(large.error().message.find("has more than 536870912 bytes") != std::string::npos);
}

TEST_CASE("a time that can't be costs that request alone, and is counted") {
  auto file = file_of({steady(0), steady(500), steady(900)});
  file["requests"].as_array()[1].at("queue") = 3;
  for (const double time : {1e300, -1e300, 2 * largest_time}) {
    file["requests"].as_array()[1].at("at").as_array()[0] = time;
    file["left_out"] = json::array{{{"queue", 3}, {"requests", 4}, {"records", 5}}};
    const auto trace = parse(json::serialize(file), "run.json").value();
    CHECK(trace.requests.size() == 2);
    REQUIRE(trace.left_out.size() == 1);
    CHECK(trace.left_out[0].queue == 3);
    CHECK(trace.left_out[0].requests == 5);
    CHECK(trace.left_out[0].records == 5);
  }
}

TEST_CASE("no change of a file's bytes does harm") {
  const auto whole = json::serialize(file_of({steady(0), steady(500)}));
  std::minstd_rand random(4711);
  for (int turn = 0; turn < 2000; ++turn) {
    auto content = whole;
    for (auto changes = random() % 4; changes <= 4; ++changes)
      content[random() % content.size()] = static_cast<char>(random() % 256);
    content.resize(content.size() - random() % 8);
    if (const auto trace = parse(content, "run.json"))
      CHECK(trace->requests.size() <= 2);
    else
      CHECK(trace.error().message.starts_with("trace 'run.json': "));
  }
}
