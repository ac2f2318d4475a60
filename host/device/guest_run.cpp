// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/guest_run.hpp"

#include <algorithm>
#include <iostream>
#include <thread>

namespace bellwire::host {
namespace {

struct Verdict {
  std::uint64_t answered = 0, lost = 0, wrong = 0, unexpected = 0, hung = 0;
  std::uint64_t unsubmitted = 0;  // since it gave up
  [[nodiscard]] bool good() const { return lost + wrong + unexpected + hung + unsubmitted == 0; }
};

// Lost is what a guest that came to its end had no answer for.
Verdict judge(const GuestReport& report, const CatalogEntry& device) {
  Verdict verdict{.unexpected = report.unexpected,
                  .hung = report.hung,
                  .unsubmitted = report.exchanges.size() - report.submitted};
  for (const auto& exchange : report.exchanges) {
    verdict.answered += exchange.answered ? 1 : 0;
    verdict.wrong += exchange.answered && !device.right(exchange) ? 1 : 0;
  }
  const auto unanswered = report.submitted - verdict.answered;
  verdict.lost = unanswered - std::min(unanswered, report.hung);
  return verdict;
}

// In microseconds, of the answered; the part is in thousandths.
double latency(std::vector<std::uint64_t>& sorted, std::size_t part) {
  return sorted.empty() ? 0 : static_cast<double>(sorted[(sorted.size() - 1) * part / 1000]) / 1e3;
}

void print(const GuestReport& report, const GuestPlan& plan, const Verdict& verdict) {
  std::vector<std::uint64_t> times;
  for (const auto& exchange : report.exchanges)
    if (exchange.answered) times.push_back(exchange.ns);
  std::ranges::sort(times);
  std::cout << text(
      "{} requests at depth {}: {} answered, {} lost, {} wrong, {} unexpected, {} "
      "hung\n",
      plan.requests, plan.depth, verdict.answered, verdict.lost, verdict.wrong, verdict.unexpected,
      verdict.hung);
  if (verdict.unsubmitted > 0)
    std::cout << text("{} requests were never submitted: the guest gave up\n", verdict.unsubmitted);
  for (const auto& hang : report.hangs) std::cout << hang << '\n';
  std::cout << text(
                   "{} doorbells, {} interrupts; exits to user space: {} for doorbells, {} for "
                   "registers\n",
                   report.doorbells, report.interrupts, report.doorbell_exits,
                   report.register_exits)
            << text("round trip: p50 {:.1f} us, p99 {:.1f} us, p99.9 {:.1f} us\n",
                    latency(times, 500), latency(times, 990), latency(times, 999));
}

}  // namespace

Result<void> run_with_guest(boost::asio::io_context& context, Guest& guest, const GuestPlan& plan,
                            const CatalogEntry& device) {
  auto report = Result<GuestReport>(GuestReport{});
  std::thread driver([&] {
    report = guest.run(plan);
    context.stop();
  });
  context.run();
  guest.stop();
  driver.join();
  if (!report && report.error().code == std::errc::operation_canceled) return {};
  if (!report) return report.error();
  const auto verdict = judge(*report, device);
  print(*report, plan, verdict);
  if (verdict.good()) return {};
  return fault(std::errc::io_error,
               "of {} requests {} were lost, {} wrong, {} unexpected, {} hung{}", plan.requests,
               verdict.lost, verdict.wrong, verdict.unexpected, verdict.hung,
               report->hangs.empty() ? "" : "; " + report->hangs.front());
}

}  // namespace bellwire::host
