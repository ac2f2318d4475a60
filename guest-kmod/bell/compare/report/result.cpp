// SPDX-License-Identifier: BSD-3-Clause
//
// The results as a table for people and as JSON for the page. Boost.JSON's code is compiled in
// here, since bell is linked without libraries.
#include "guest-kmod/bell/compare/report/result.hpp"

#include <bit>
#include <boost/json/src.hpp>

#include "guest-kmod/bell/compare/measure/processes.hpp"
#include "guest-kmod/bell/output.hpp"
#include "vdev/os/text.hpp"

namespace bell::compare {
namespace {

using bellwire::text;
using bellwire::TextTable;

// Fixed widths: a row without a measurement has its reason in place of the figures. The JSON has
// more.
const TextTable& table() {
  using enum TextTable::Align;
  static const TextTable table({{"direction", left, 13},
                                {"mechanism", left, 25},
                                {"CPUs", left},
                                {"p50 µs", right, 7},
                                {"p99 µs", right, 7},
                                {"p99.9", right, 7},
                                {"per s", right, 8},
                                {"lost", right, 5},
                                {"merges"},
                                {"setup µs", right, 8}},
                               1);
  return table;
}

std::vector<std::string> cells(const MechanismResult& row, const Measurement& measurement) {
  const auto& [latency, burst, setup, semantics] = measurement;
  const auto percentile = [&times = latency.times](double part) {
    return text("{:.1f}", to_us(times.percentile(part)));
  };
  return {row.direction,
          row.name,
          row.cpus,
          percentile(0.5),
          percentile(0.99),
          percentile(0.999),
          burst ? text("{:.0f}", bellwire::median(burst->per_second)) : "",
          burst ? std::to_string(burst->lost()) : "",
          semantics.coalesces ? "yes" : "no",
          text("{:.1f}", bellwire::median(setup.first_us))};
}

}  // namespace

void print_heading() {
  print("{}", table().heading());
}

void print_result(const MechanismResult& row) {
  print("{}",
        table().line(row.measurement ? cells(row, *row.measurement)
                                     : std::vector{row.direction, row.name, "- " + row.reason}));
  std::fflush(stdout);
}

void print_claim(const Claim& claim) {
  print("{}\n    {}\n    {}\n", claim.claim, claim.measured, claim.verdict);
}

namespace {

namespace json = boost::json;

json::value maybe(const std::optional<bool>& value) {
  return value ? json::value(*value) : json::value();
}

// [[µs, count], …], of buckets whose width is at most an eighth of their times: it must stay small.
json::array histogram(const Histogram& times) {
  json::array list;
  std::uint64_t start = 0, sum = 0;
  const auto flush = [&] {
    if (sum > 0) list.push_back(json::array{to_us(start), sum});
    sum = 0;
  };
  times.each([&](std::uint64_t time, std::uint64_t count) {
    constexpr int kept_bits = 4;
    const int shift = std::max(0, static_cast<int>(std::bit_width(time)) - kept_bits);
    const auto rounded = time >> shift << shift;
    if (rounded != start) flush();
    start = rounded;
    sum += count;
  });
  flush();
  return list;
}

void add_burst(json::object& row, const Burst& burst) {
  row["burst"] = burst.sent;
  row["burst_per_second"] = bellwire::median(burst.per_second);
  row["reads"] = burst.waits;
  row["wakeups"] = burst.wakeups;
  row["lost"] = burst.lost();
}

void add_measurement(json::object& row, const Measurement& measurement) {
  const auto& [latency, burst, setup, semantics] = measurement;
  row["count"] = latency.count;
  row["sleeps"] = latency.sleeps;
  row["p50_us"] = to_us(latency.times.percentile(0.5));
  row["p99_us"] = to_us(latency.times.percentile(0.99));
  row["p999_us"] = to_us(latency.times.percentile(0.999));
  if (burst) add_burst(row, *burst);
  row["coalesces"] = semantics.coalesces;
  row["carries_data"] = semantics.carries_data;
  row["data_right"] = semantics.data_right;
  row["keeps_order"] = maybe(semantics.keeps_order);
  row["atomic"] = maybe(semantics.from_hardirq);
  row["setup_us"] = bellwire::median(setup.first_us);
  row["setup_syscalls"] = setup.calls;
  row["teardown_us"] = bellwire::median(setup.teardown_us);
  row["histogram"] = histogram(latency.times);
}

json::object object(const MechanismResult& row) {
  json::object made{
      {"name", row.name},     {"direction", row.direction},   {"what", row.what},
      {"cpus", row.cpus},     {"user_lines", row.user_lines}, {"kernel_lines", row.kernel_lines},
      {"source", row.source}, {"reason", row.reason}};
  if (row.measurement) add_measurement(made, *row.measurement);
  return made;
}

}  // namespace

std::string to_json(const std::vector<MechanismResult>& rows, const std::vector<Claim>& claims) {
  json::array row_list, claim_list;
  for (const auto& row : rows) row_list.push_back(object(row));
  for (const auto& [claim, measured, verdict] : claims)
    claim_list.push_back({{"claim", claim}, {"measured", measured}, {"verdict", verdict}});
  return json::serialize(json::object{{"rows", row_list}, {"claims", claim_list}});
}

}  // namespace bell::compare
