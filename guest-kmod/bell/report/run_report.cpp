// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/report/run_report.hpp"

#include <cstdio>

#include "guest-kmod/bell/output.hpp"
#include "guest-kmod/selftest/ktap.h"
#include "vdev/os/text.hpp"

namespace bell {

using bellwire::text;
namespace {

struct Names {
  explicit Names(const TrafficOptions& options)
      : device(options.claim.device),
        worker(name_of(options.claim.worker)),
        kick(name_of(options.claim.kick)),
        wait(name_of(options.claim.wait)),
        poll(name_of(options.claim.poll)) {}
  std::string_view device, worker, kick, wait, poll;
};

std::string complaint(const Result<TrafficResult>& result) {
  if (!result) return result.error().message;
  if (!result->failure.empty()) return result->failure;
  return text("{} rings, {} completions, {} lost, {} hung, {} duplicated, {} corrupted",
              result->rings, result->completions, result->lost, result->hung, result->duplicated,
              result->corrupted);
}

// Rows are printed as the runs end, so the widths are fixed.
class Table final : public RunReport {
 public:
  void begin(std::size_t) override { print("{}", table_.heading()); }

  void add(const TrafficOptions& options, const Result<TrafficResult>& result) override {
    const bool good = result && result->good();
    count(good);
    if (result) print("{}", table_.line(cells(options, *result)));
    std::fflush(stdout);
    if (!good) complain("{}", complaint(result));
  }

 private:
  static std::vector<std::string> cells(const TrafficOptions& options,
                                        const TrafficResult& result) {
    const Names names(options);
    std::vector<std::string> row{std::string(names.device), std::string(names.worker),
                                 std::string(names.kick), std::string(names.wait),
                                 std::string(names.poll)};
    for (const auto number :
         {std::uint64_t{options.depth}, result.rings, result.completions, result.lost, result.hung,
          result.duplicated, result.corrupted, result.doorbells, result.interrupts})
      row.push_back(std::to_string(number));
    row.push_back(text("{:.1f}", result.p50_us));
    row.push_back(text("{:.1f}", result.p99_us));
    row.push_back(text("{:.0f}", result.per_second));
    return row;
  }

  using Align = bellwire::TextTable::Align;
  bellwire::TextTable table_{{{"device", Align::left, 6},
                              {"worker", Align::left, 8},
                              {"kick", Align::left, 7},
                              {"wait", Align::left, 5},
                              {"polling", Align::left, 8},
                              {"depth"},
                              {"rings", Align::right, 7},
                              {"completions"},
                              {"lost"},
                              {"hung"},
                              {"duplicated"},
                              {"corrupted"},
                              {"doorbells"},
                              {"interrupts"},
                              {"p50 µs", Align::right, 7},
                              {"p99 µs", Align::right, 7},
                              {"per s", Align::right, 8}}};
};

class Ktap final : public RunReport {
 public:
  void begin(std::size_t runs) override { report_ = ktap_begin(static_cast<unsigned>(runs)); }

  void add(const TrafficOptions& options, const Result<TrafficResult>& result) override {
    const Names names(options);
    const bool good = result && result->good();
    count(good);
    if (result) print_figures(names, options, *result);
    if (!good) print("# {}\n", complaint(result));
    const auto name = text("{} worker={} kick={} wait={} polling={} depth={}", names.device,
                           names.worker, names.kick, names.wait, names.poll, options.depth);
    ktap_result(&report_, good, name.c_str());
  }

 private:
  static void print_figures(const Names& names, const TrafficOptions& options,
                            const TrafficResult& result) {
    print(
        "# {{\"device\":\"{}\",\"worker\":\"{}\",\"kick\":\"{}\",\"wait\":\"{}\","
        "\"polling\":\"{}\",\"depth\":{},\"rings\":{},\"completions\":{},\"lost\":{},"
        "\"hung\":{},\"duplicated\":{},\"corrupted\":{},"
        "\"doorbells\":{},\"interrupts\":{},\"raises\":{},\"restarts\":{},\"p50_us\":{:.1f},"
        "\"p99_us\":{:.1f},\"per_second\":{:.0f},\"hop_p50_us\":{:.2f},\"kick_p50_us\":{:.2f}}}\n",
        names.device, names.worker, names.kick, names.wait, names.poll, options.depth, result.rings,
        result.completions, result.lost, result.hung, result.duplicated, result.corrupted,
        result.doorbells, result.interrupts, result.raises, result.restarts, result.p50_us,
        result.p99_us, result.per_second, result.hop_p50_us, result.kick_p50_us);
  }

  ktap report_{};
};

}  // namespace

std::unique_ptr<RunReport> make_table_report() {
  return std::make_unique<Table>();
}
std::unique_ptr<RunReport> make_ktap_report() {
  return std::make_unique<Ktap>();
}

}  // namespace bell
