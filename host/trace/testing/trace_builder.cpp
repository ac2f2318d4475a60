// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/testing/trace_builder.hpp"

#include <boost/json.hpp>

namespace bellwire::view {
namespace {

namespace json = boost::json;

json::array stages_json() {
  json::array list;
  for (const auto& stage : stages)
    list.push_back({{"name", stage.name}, {"side", name_of(stage.side)}});
  return list;
}

json::array requests_json(const std::vector<Times>& requests) {
  json::array list;
  for (const auto& times : requests) {
    json::array at;
    for (const auto time : times) at.push_back(time == absent ? json::value() : json::value(time));
    list.push_back({{"queue", 0}, {"index", list.size()}, {"at", std::move(at)}});
  }
  return list;
}

}  // namespace

json::object file_of(const std::vector<Times>& requests) {
  const json::object machine{{"accelerator", "TCG"},
                             {"cpu", "a CPU"},
                             {"kernel", "6.18"},
                             {"qemu", "7.2"},
                             {"guest_kernel", "6.1"}};
  const json::object clock{{"ticks_per_ns", 2.5},
                           {"offset_ticks", -12'345},
                           {"uncertainty_ns", 200},
                           {"contradictions", 0}};
  return {{"version", 1},
          {"machine", machine},
          {"transport", "ivshmem"},
          {"device", "echo"},
          {"began", "2026-01-31T12:00:00Z"},
          {"clock", clock},
          {"stages", stages_json()},
          {"lost", {{"process", 0}, {"module", 0}, {"device", 0}}},
          {"requests", requests_json(requests)},
          {"doorbells", json::array()},
          {"interrupts", json::array()}};
}

Trace trace_of(const std::vector<Times>& requests) {
  return parse(json::serialize(file_of(requests)), "made up").value();
}

Times steady(double began) {
  Times times{};
  for (std::size_t stage = 0; stage < times.size(); ++stage)
    times[stage] = began + 1000 * static_cast<double>(stage);
  return times;
}

}  // namespace bellwire::view
