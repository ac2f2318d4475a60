// SPDX-License-Identifier: BSD-3-Clause
//
// Part of the suite `kvm`: what a whole round trip costs: the ring guest's request, its doorbell,
// the echo device's answer, its interrupt; beside bare C (bare_round_trip) with the same guest.
#include <memory>
#include <optional>
#include <thread>

#include "host/bench/bare/bare.h"
#include "host/bench/suites.hpp"
#include "vdev/devices/echo.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/runner/runner.hpp"
#include "vdev/transport/kvm/kvm_transport.hpp"

namespace bellwire::bench {
namespace {

constexpr unsigned rounds = 500;  // a sample
constexpr double most_over_bare = 1.05;
static_assert(rounds <= BARE_ROUND_TRIPS);

// An echo on its own thread, and its virtual machine on the caller's.
class EchoOnKvm {
 public:
  static Result<std::shared_ptr<EchoOnKvm>> create(int device_cpu) {
    auto ours = std::make_shared<EchoOnKvm>();
    auto transport = kvm::KvmTransport::create(ours->context_);
    if (!transport) return transport.error();
    ours->transport_ = std::move(*transport);
    auto attachment = ours->transport_->attach(nullptr);
    if (!attachment) return attachment.error();
    auto runner = Runner::start(ours->context_, ours->echo_, std::move(*attachment));
    if (!runner) return runner.error();
    ours->runner_.emplace(std::move(*runner));
    ours->thread_ = std::thread([&context = ours->context_, device_cpu] {
      pin_thread(device_cpu);
      context.run();
    });
    return ours;
  }
  ~EchoOnKvm() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Result<void> sample(Samples& samples) {
    const auto report = transport_->guest()->run({.requests = rounds, .depth = 1});
    if (!report) return report.error();
    for (const auto& exchange : report->exchanges)
      samples.ns.push_back(static_cast<double>(exchange.ns));
    samples.times += rounds;
    samples.counts.add(Event::exits, report->doorbell_exits);
    return {};
  }

 private:
  boost::asio::io_context context_{one_thread};
  Echo echo_;
  std::unique_ptr<kvm::KvmTransport> transport_;
  std::optional<Runner> runner_;
  std::thread thread_;
};

Result<void> sample_bare(bare_round_trip* trip, double ns_per_tick, Samples& samples) {
  std::vector<std::uint64_t> ticks(rounds);
  const int exits = bare_round_trip_run(trip, rounds, ticks.data());
  if (exits < 0) return system_fault("the bare round trip failed");
  for (const auto each : ticks) samples.ns.push_back(static_cast<double>(each) * ns_per_tick);
  samples.times += rounds;
  samples.counts.add(Event::exits, static_cast<unsigned>(exits));
  return {};
}

}  // namespace

Result<void> add_round_trips(Benchmark& benchmark, const Environment& environment) {
  const auto ours = EchoOnKvm::create(environment.device_cpu);
  if (!ours) return ours.error();
  const std::shared_ptr<bare_round_trip> bare(bare_round_trip_create(environment.device_cpu),
                                              bare_round_trip_destroy);
  if (!bare) return system_fault("cannot make the bare virtual machine of round trips");
  benchmark.add(
      "round trip", [ours = *ours](Samples& samples) { return ours->sample(samples); },
      [bare, ns = environment.ns_per_tick](Samples& samples) {
        return sample_bare(bare.get(), ns, samples);
      },
      most_over_bare);
  return {};
}

}  // namespace bellwire::bench
