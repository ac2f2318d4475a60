// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/guest_run.hpp"

#include <algorithm>
#include <iostream>
#include <thread>

#include "vdev/core/statistics.hpp"
#include "vdev/os/thread.hpp"

namespace bellwire::host {
namespace {

struct Verdict {
  std::uint64_t answered = 0, lost = 0, wrong = 0, unexpected = 0, hung = 0;
  std::uint64_t unsubmitted = 0;  // the guest gave up before them
  [[nodiscard]] bool good() const { return lost + wrong + unexpected + hung + unsubmitted == 0; }
};

// Lost requests are those without an answer, of a guest that ran to its end.
Verdict judge(const GuestReport& report, const RingEntry& device) {
  Verdict verdict{.unexpected = report.unexpected,
                  .hung = report.hung,
                  .unsubmitted = report.exchanges.size() - report.submitted};
  for (const auto& exchange : report.exchanges) {
    verdict.answered += exchange.answered ? 1 : 0;
    verdict.wrong += exchange.answered && device.right && !device.right(exchange) ? 1 : 0;
  }
  const auto unanswered = report.submitted - verdict.answered;
  verdict.lost = unanswered - std::min(unanswered, report.hung);
  return verdict;
}

void print(const GuestReport& report, const GuestPlan& plan, const Verdict& verdict) {
  std::vector<double> us;
  for (const auto& exchange : report.exchanges)
    if (exchange.answered) us.push_back(static_cast<double>(exchange.ns) / 1e3);
  std::ranges::sort(us);
  std::cout << text(
      "{} requests at depth {}: {} answered, {} lost, {} wrong, {} unexpected, {} "
      "hung\n",
      plan.requests, plan.depth, verdict.answered, verdict.lost, verdict.wrong, verdict.unexpected,
      verdict.hung);
  if (verdict.unsubmitted > 0)
    std::cout << text("{} requests were never submitted: the guest gave up\n", verdict.unsubmitted);
  for (const auto& hang : report.hangs) std::cout << hang << '\n';
  if (report.recovered_doorbells + report.recovered_interrupts > 0)
    std::cout << text("recovered: {} doorbells, {} interrupts that had not come\n",
                      report.recovered_doorbells, report.recovered_interrupts);
  std::cout << text(
                   "{} doorbells, {} interrupts; exits to user space: {} for doorbells, {} for "
                   "registers\n",
                   report.doorbells, report.interrupts, report.doorbell_exits,
                   report.register_exits)
            << text("round trip: p50 {:.1f} us, p99 {:.1f} us, p99.9 {:.1f} us\n",
                    percentile(us, 0.5), percentile(us, 0.99), percentile(us, 0.999));
}

// The guest's thread. It ends, and is joined, before the guest or the context can go.
class GuestThread {
 public:
  GuestThread(boost::asio::io_context& context, Guest& guest, const GuestPlan& plan)
      : guest_(guest),
        steps_(plan.steps),
        thread_(os::start_thread([this, &context, &guest, &plan] {
          report_ = guest.run(plan);
          context.stop();
        })) {}
  GuestThread(const GuestThread&) = delete;
  GuestThread& operator=(const GuestThread&) = delete;
  ~GuestThread() { end(); }

  // ECANCELED: it was stopped before it was done.
  Result<GuestReport> finish() {
    end();
    return std::move(report_);
  }

 private:
  void end() {
    guest_.stop();
    if (steps_) steps_->stop();
    if (thread_.joinable()) thread_.join();
  }

  Guest& guest_;
  const std::shared_ptr<StepGate> steps_;
  Result<GuestReport> report_{GuestReport{}};
  std::thread thread_;
};

}  // namespace

Result<void> run_with_guest(boost::asio::io_context& context, Guest& guest, const GuestPlan& plan,
                            const RingEntry& device) {
  GuestThread driver(context, guest, plan);
  context.run();
  const auto report = driver.finish();
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
