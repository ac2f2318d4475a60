// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/report/run_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

namespace bell {
namespace {

TrafficOptions run(std::string_view device, std::uint32_t depth, bellwire_worker worker, Kick kick,
                   Wait wait, bellwire::Polling poll) {
  TrafficOptions options;
  options.claim = {std::string(device), worker, kick, wait, poll};
  options.depth = depth;
  return options;
}

// Every combination of everything, in the order of `bell ring`.
std::vector<TrafficOptions> all_runs() {
  std::vector<TrafficOptions> runs;
  for (const auto* const device : {"echo", "digest"})
    for (const std::uint32_t depth : {1U, 32'768U})
      for (const auto& worker : named_values(bellwire_worker{}))
        for (const auto& kick : named_values(Kick{}))
          for (const auto& wait : named_values(Wait{}))
            for (const auto& poll : named_values(bellwire::Polling{}))
              runs.push_back(run(device, depth, worker.value, kick.value, wait.value, poll.value));
  return runs;
}

const TrafficResult typical = [] {
  TrafficResult figures;
  figures.rings = 10'000;
  figures.doorbells = 9'998, figures.interrupts = 10'000;
  figures.p50_us = 176.31, figures.p99_us = 1'491.5, figures.per_second = 4'823.4;
  return figures;
}();

std::string table_of(const std::vector<TrafficOptions>& runs) {
  RunTable table(runs);
  std::string lines;
  for (const auto& one : runs) lines += table.lines(one, typical);
  return lines;
}

const TrafficOptions usual =
    run("echo", 1, BELLWIRE_WORKER_CALLBACK, Kick::eventfd, Wait::poll, bellwire::Polling::off);

TEST_CASE("what is the same in all runs is said once") {
  CHECK(table_of({usual}) ==
        "device echo, depth 1, worker callback, kick eventfd, wait poll, polling off\n"
        "  rings lost hung duplicated corrupted doorbells interrupts p50 µs p99 µs   per s\n"
        "  10000    0    0          0         0      9998      10000  176.3 1491.5    4823\n");
}

TEST_CASE("what differs is a column") {
  auto other = usual;
  other.claim.worker = BELLWIRE_WORKER_READ;
  CHECK(
      table_of({other, usual}) ==
      "device echo, depth 1, kick eventfd, wait poll, polling off\n"
      "worker     rings lost hung duplicated corrupted doorbells interrupts p50 µs p99 µs   per s\n"
      "read       10000    0    0          0         0      9998      10000  176.3 1491.5    4823\n"
      "callback   10000    0    0          0         0      9998      10000  176.3 1491.5    "
      "4823\n");
}

TEST_CASE("whatever is chosen, all fits on the page, and each choice is said") {
  const auto runs = all_runs();
  std::istringstream lines(table_of(runs));
  std::size_t rows = 0, headings = 0;
  for (std::string line; std::getline(lines, line);) {
    CHECK(bellwire::columns_of(line) <= bellwire::TextTable::page);
    rows += line.find("10000") != std::string::npos ? 1 : 0;
    headings += line.starts_with("device ") ? 1 : 0;
  }
  CHECK(rows == runs.size());
  CHECK(headings == 2 * 2 * named_values(bellwire_worker{}).size() * named_values(Kick{}).size());
}

}  // namespace
}  // namespace bell
