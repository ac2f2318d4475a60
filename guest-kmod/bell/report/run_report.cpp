// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/report/run_report.hpp"

#include <cstdio>

#include "guest-kmod/bell/output.hpp"
#include "guest-kmod/bell/report/run_table.hpp"
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

class Table final : public RunReport {
 public:
  explicit Table(std::span<const TrafficOptions> runs) : table_(runs) {}

  void add(const TrafficOptions& options, const Result<TrafficResult>& result) override {
    const bool good = result && result->good();
    count(good);
    if (result) print("{}", table_.lines(options, *result));
    if (result) print_recovered(*result);
    std::fflush(stdout);
    if (!good) complain("{}", complaint(result));
  }

 private:
  static void print_recovered(const TrafficResult& result) {
    if (result.recovered_doorbells + result.recovered_interrupts > 0)
      print("recovered: {} doorbells, {} interrupts that had not come\n",
            result.recovered_doorbells, result.recovered_interrupts);
  }

  RunTable table_;
};

class Ktap final : public RunReport {
 public:
  explicit Ktap(std::size_t runs) : report_(ktap_begin(static_cast<unsigned>(runs))) {}

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
        "\"doorbells\":{},\"interrupts\":{},\"raises\":{},\"recovered_doorbells\":{},"
        "\"recovered_interrupts\":{},\"restarts\":{},\"p50_us\":{:.1f},"
        "\"p99_us\":{:.1f},\"per_second\":{:.0f},\"hop_p50_us\":{:.2f},\"kick_p50_us\":{:.2f}}}\n",
        names.device, names.worker, names.kick, names.wait, names.poll, options.depth, result.rings,
        result.completions, result.lost, result.hung, result.duplicated, result.corrupted,
        result.doorbells, result.interrupts, result.raises, result.recovered_doorbells,
        result.recovered_interrupts, result.restarts, result.p50_us, result.p99_us,
        result.per_second, result.hop_p50_us, result.kick_p50_us);
  }

  ktap report_;
};

}  // namespace

std::unique_ptr<RunReport> make_table_report(std::span<const TrafficOptions> runs) {
  return std::make_unique<Table>(runs);
}

std::unique_ptr<RunReport> make_ktap_report(std::size_t runs) {
  return std::make_unique<Ktap>(runs);
}

}  // namespace bell
