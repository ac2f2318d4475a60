// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/ping_pong.hpp"

#include <x86intrin.h>

#include "vdev/os/fd.hpp"

namespace bellwire::bench {
namespace {

constexpr unsigned trips = 500;            // a sample
constexpr unsigned doorbell_stride = 797;  // prime, so that no cache foresees the next
constexpr unsigned fds_a_doorbell = 4;     // ours, the device's, two of its runner's
constexpr unsigned other_fds = 256;
constexpr std::chrono::seconds longest_answer{5};

// Answers every doorbell by its one interrupt.
class Answerer final : public Device {
 public:
  [[nodiscard]] DeviceTraits traits() const noexcept override { return {.kind = "answerer"}; }
  [[nodiscard]] Result<void> start(Attachment attachment) override {
    attachment_ = std::move(attachment);
    return {};
  }
  Turn on_doorbell(unsigned, std::uint64_t rings) noexcept override {
    if (rings > 0) attachment_.interrupts[0].raise();
    return Turn::done;
  }
  void stop() noexcept override {}

 private:
  Attachment attachment_;
};

template <class Ring>
Result<void> sample_trips(Order order, unsigned doorbells, unsigned& next, double ns_per_tick,
                          Samples& samples, const Ring& ring) {
  for (unsigned trip = 0; trip < trips; ++trip) {
    if (order == Order::each_in_turn) next = (next + doorbell_stride) % doorbells;
    const auto before = __rdtsc();
    if (auto answered = ring(next); !answered) return answered;
    samples.ns.push_back(static_cast<double>(__rdtsc() - before) * ns_per_tick);
  }
  samples.times += trips;
  return {};
}

}  // namespace

Result<std::shared_ptr<PingPong>> PingPong::create(unsigned doorbells, int cpu) {
  auto enough = os::ensure_fds(std::uint64_t{2} * fds_a_doorbell * doorbells + other_fds);
  if (!enough) return enough.error();
  auto ours = os::create_events(doorbells);
  if (!ours) return ours.error();
  auto theirs = os::duplicate(*ours);
  if (!theirs) return theirs.error();
  auto answer = os::EventFd::create();
  if (!answer) return answer.error();
  auto interrupt = answer->duplicate();
  if (!interrupt) return interrupt.error();
  std::shared_ptr<PingPong> ping_pong(new PingPong(std::move(*ours), std::move(*answer)));
  Attachment wires{.doorbells = std::move(*theirs), .interrupts = {}, .memory = {}};
  wires.interrupts.push_back(InterruptLine(std::move(*interrupt)).interrupt());
  auto added = ping_pong->host_.add(std::make_unique<Answerer>(), std::move(wires));
  if (!added) return added.error();
  ping_pong->host_.start(cpu);
  return ping_pong;
}

Result<void> PingPong::ring(unsigned doorbell) const {
  doorbells_[doorbell].ring();
  if (!answer_.wait(longest_answer))
    return fault(std::errc::timed_out, "doorbell {} of {} was not answered for {} s", doorbell,
                 doorbells_.size(), longest_answer.count());
  answer_.drain();
  return {};
}

Result<void> PingPong::sample(Order order, double ns_per_tick, Samples& samples) {
  return sample_trips(order, static_cast<unsigned>(doorbells_.size()), next_, ns_per_tick, samples,
                      [this](unsigned doorbell) { return ring(doorbell); });
}

Result<std::shared_ptr<BarePingPong>> BarePingPong::create(unsigned doorbells, int cpu,
                                                           bool blocking) {
  std::shared_ptr<bare_ping> ping(bare_ping_create(doorbells, cpu, blocking), bare_ping_destroy);
  if (!ping) return system_fault("cannot make {} bare doorbells", doorbells);
  return std::shared_ptr<BarePingPong>(new BarePingPong(std::move(ping), doorbells));
}

Result<void> BarePingPong::sample(Order order, double ns_per_tick, Samples& samples) {
  return sample_trips(order, doorbells_, next_, ns_per_tick, samples,
                      [this](unsigned doorbell) -> Result<void> {
                        if (bare_ping_ring(ping_.get(), doorbell) == 0) return {};
                        return system_fault("bare doorbell {} was not answered", doorbell);
                      });
}

}  // namespace bellwire::bench
