// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/report/result.hpp"

#include "guest-kmod/bell/compare/measure/processes.hpp"
#include "guest-kmod/bell/output.hpp"

namespace bell::compare {
namespace {

const char* yes_or_no(bool yes) {
  return yes ? "yes" : "no";
}

}  // namespace

void print_heading() {
  print("{:<15}{:<25}{:<5}{:>8}{:>9}{:>9}{:>10}{:>9}{:>7}{:>10}{:>9}{:>9}{:>7}{:>7}\n", "direction",
        "mechanism", "CPUs", "p50 µs", "p99 µs", "p99.9", "per s", "wakeups", "lost", "coalesces",
        "setup µs", "calls", "user", "kernel");
}

void print_result(const MechanismResult& row) {
  print("{:<15}{:<25}", row.direction, row.name);
  if (!row.measurement) {
    print("- {}\n", row.reason);
    return;
  }
  const auto& [latency, burst, setup, semantics] = *row.measurement;
  const auto at = [&times = latency.times](double part) { return to_us(times.percentile(part)); };
  print("{:<5}{:>8.1f}{:>9.1f}{:>9.1f}", row.cpus, at(0.5), at(0.99), at(0.999));
  if (burst)
    print("{:>10.0f}{:>9}{:>7}", bellwire::median(burst->per_second), burst->wakeups,
          burst->lost());
  else
    print("{:>26}", "");
  print("{:>10}{:>9.1f}{:>9}{:>7}{:>7}\n", yes_or_no(semantics.coalesces),
        bellwire::median(setup.first_us), setup.calls, row.user_lines, row.kernel_lines);
  std::fflush(stdout);
}

void print_claim(const Claim& claim) {
  print("{}\n    {}\n    {}\n", claim.claim, claim.measured, claim.verdict);
}

}  // namespace bell::compare
