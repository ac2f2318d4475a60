// SPDX-License-Identifier: BSD-3-Clause
//
// Measures a channel between two processes: this one sends, a receiver that it forks waits.
#include "guest-kmod/bell/compare/measure/measure.hpp"

#include <unistd.h>

#include <array>

#include "guest-kmod/bell/compare/measure/processes.hpp"

namespace bell::compare {
namespace {

class BetweenProcesses {
 public:
  BetweenProcesses(Channel& channel, Traits traits, const Receiver& receiver,
                   bool shared_cpu) noexcept
      : channel_(channel), traits_(traits), receiver_(receiver), shared_cpu_(shared_cpu) {}

  Result<Latency> one_at_a_time(std::uint64_t count) {
    Latency latency;
    const auto sleeps = receiver_.process().sleeps();
    for (; latency.count < count; ++latency.count) {
      const auto number = ++sent_;
      if (traits_.sleeps() && !until_asleep(receiver_.process(), shared_cpu_))
        return late("the receiver never slept before", number);
      const auto began = now_ns();
      if (!send(number)) return late("no room for", number);
      if (!until([&] { return receiver_.taken() == number; }))
        return late("nobody received", number);
      latency.times.add(receiver_.stamp() - began);
    }
    latency.sleeps = receiver_.process().sleeps() - sleeps;
    return latency;
  }

  Result<Burst> burst(std::uint64_t count) {
    const auto before = receiver_.tally();
    const auto sleeps = receiver_.process().sleeps();
    const auto began = now_ns();
    for (std::uint64_t sent = 0; sent < count; ++sent)
      if (!send(++sent_)) return late("no room for", sent_);
    if (!settle() && !traits_.may_lose) return late("nobody received all up to", sent_);
    Burst burst{.sent = count,
                .taken = receiver_.tally().taken - before.taken,
                .waits = receiver_.tally().waits - before.waits,
                .wakeups = receiver_.process().sleeps() - sleeps};
    burst.set_duration(receiver_.stamp() - began);
    return burst;
  }

  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

 private:
  bool send(std::uint64_t number) noexcept {
    return until([&] { return channel_.send(number); });
  }

  // Waits until all were received. False: none arrived for some time.
  [[nodiscard]] bool settle() const noexcept {
    const auto limit = traits_.may_lose ? quiet_ns : patience_ns;
    for (std::uint64_t seen = ~receiver_.taken(); seen != receiver_.taken();) {
      seen = receiver_.taken();
      if (until([&] { return receiver_.taken() == sent_; }, limit)) return true;
    }
    return false;
  }

  Channel& channel_;
  const Traits traits_;
  const Receiver& receiver_;
  const bool shared_cpu_;
  std::uint64_t sent_ = 0;
};

class ChannelSetup final : public SetupSequence {
 public:
  explicit ChannelSetup(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}
  Result<void> first_notification() override {
    if (auto open = channel_->open(); !open) return open;
    channel_->set_receiver(::getpid());
    std::array<std::uint64_t, 1> number{};
    if (!channel_->send(1) || channel_->wait(number).count != 1)
      return bellwire::fault(std::errc::io_error, "the first notification never arrived");
    return {};
  }
  void tear_down() override { channel_.reset(); }

 private:
  std::unique_ptr<Channel> channel_;
};

// Latency, burst and semantics of a channel that is open.
Result<Measurement> measure_open(Channel& channel, Traits traits, const RoundPlan& plan) {
  if (auto pinned = pin(plan.sender_cpu); !pinned) return pinned.error();
  auto receiver = Receiver::create(channel, plan.receiver_cpu);
  if (!receiver) return receiver.error();
  BetweenProcesses sender(channel, traits, *receiver, plan.shared_cpu());
  auto latency = sender.one_at_a_time(plan.singles());
  if (!latency) return latency.error();
  auto burst = sender.burst(plan.burst());
  if (!burst) return burst.error();
  return Measurement{*latency, *burst, {}, receiver->tally().semantics(sender.sent())};
}

}  // namespace

Result<Measurement> measure(const Mechanism& mechanism, const RoundPlan& plan) {
  const auto channel = mechanism.make();
  if (auto open = channel->open(); !open) return open.error();
  auto measurement = measure_open(*channel, mechanism.traits, plan);
  if (!measurement) return measurement;
  auto setup = measure_setup([&] { return std::make_unique<ChannelSetup>(mechanism.make()); },
                             plan.first_round);
  if (!setup) return setup.error();
  measurement->setup = *setup;
  return measurement;
}

}  // namespace bell::compare
