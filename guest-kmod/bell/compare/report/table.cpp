// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/report/result.hpp"

#include "guest-kmod/bell/compare/measure/processes.hpp"
#include "guest-kmod/bell/output.hpp"
#include "vdev/os/text_table.hpp"

namespace bell::compare {
namespace {

using bellwire::text;
using bellwire::TextTable;

// Fixed widths: a row without a measurement has its reason in place of the figures.
const TextTable& table() {
  using enum TextTable::Align;
  static const TextTable table({{"direction", left, 13},
                                {"mechanism", left, 25},
                                {"CPUs", left},
                                {"p50 µs", right, 7},
                                {"p99 µs", right, 7},
                                {"p99.9", right, 7},
                                {"per s", right, 8},
                                {"wakeups"},
                                {"lost", right, 5},
                                {"coalesces"},
                                {"setup µs", right, 8},
                                {"calls", right, 7},
                                {"user", right, 5},
                                {"kernel"}});
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
          burst ? std::to_string(burst->wakeups) : "",
          burst ? std::to_string(burst->lost()) : "",
          semantics.coalesces ? "yes" : "no",
          text("{:.1f}", bellwire::median(setup.first_us)),
          std::to_string(setup.calls),
          std::to_string(row.user_lines),
          std::to_string(row.kernel_lines)};
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

}  // namespace bell::compare
