// SPDX-License-Identifier: BSD-3-Clause
#include <bit>
#include <boost/json.hpp>

#include "guest-kmod/bell/compare/process.hpp"
#include "guest-kmod/bell/compare/row.hpp"

namespace bell::compare {
namespace {

namespace json = boost::json;

json::value maybe(const std::optional<bool>& value) {
  return value ? json::value(*value) : json::value();
}

// [[µs, count], …], a bucket at most an eighth wide of the times in it, to keep it small.
json::array histogram(const Histogram& times) {
  json::array list;
  std::uint64_t start = 0, sum = 0;
  const auto flush = [&] {
    if (sum > 0) list.push_back(json::array{micro(start), sum});
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
  row["burst_per_second"] = burst.per_second.median();
  row["reads"] = burst.waits;
  row["wakeups"] = burst.wakeups;
  row["lost"] = burst.lost();
}

void add_figures(json::object& row, const Figures& figures) {
  const auto& [latency, burst, setup, semantics] = figures;
  row["count"] = latency.count;
  row["sleeps"] = latency.sleeps;
  row["p50_us"] = micro(latency.times.percentile(0.5));
  row["p99_us"] = micro(latency.times.percentile(0.99));
  row["p999_us"] = micro(latency.times.percentile(0.999));
  if (burst) add_burst(row, *burst);
  row["coalesces"] = semantics.coalesces;
  row["carries_data"] = semantics.carries_data;
  row["data_right"] = semantics.data_right;
  row["keeps_order"] = maybe(semantics.keeps_order);
  row["atomic"] = maybe(semantics.from_hardirq);
  row["setup_us"] = setup.first_us.median();
  row["setup_syscalls"] = setup.calls;
  row["teardown_us"] = setup.teardown_us.median();
  row["histogram"] = histogram(latency.times);
}

json::object object(const Row& row) {
  json::object made{
      {"name", row.name},     {"direction", row.direction},   {"what", row.what},
      {"cpus", row.cpus},     {"user_lines", row.user_lines}, {"kernel_lines", row.kernel_lines},
      {"source", row.source}, {"reason", row.reason}};
  if (row.figures) add_figures(made, *row.figures);
  return made;
}

}  // namespace

std::string to_json(const std::vector<Row>& rows, const std::vector<Claim>& claims) {
  json::array row_list, claim_list;
  for (const auto& row : rows) row_list.push_back(object(row));
  for (const auto& [claim, measured, verdict] : claims)
    claim_list.push_back({{"claim", claim}, {"measured", measured}, {"verdict", verdict}});
  return json::serialize(json::object{{"rows", row_list}, {"claims", claim_list}});
}

}  // namespace bell::compare
