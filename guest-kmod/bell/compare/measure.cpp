// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/measure.hpp"

#include <sched.h>

#include "guest-kmod/bell/compare/receiver.hpp"
#include "guest-kmod/bell/compare/setup.hpp"

namespace bell::compare {
namespace {

constexpr std::uint64_t patience_ns = 5'000'000'000;  // a bound, not a goal
constexpr std::uint64_t quiet_ns = 50'000'000;        // no news for so long: what lacks is lost

// Lets others run until `happened`. False: it didn't within `limit_ns`.
template <class Happened>
bool until(Happened happened, std::uint64_t limit_ns = patience_ns) noexcept {
  constexpr unsigned looks = 64;  // at what is awaited for one at the clock
  const auto end = now_ns() + limit_ns;
  for (unsigned look = 1; !happened(); ++look) {
    if (look % looks == 0 && now_ns() > end) return false;
    ::sched_yield();
  }
  return true;
}

bool send(Channel& channel, std::uint64_t number) noexcept {
  return until([&] { return channel.send(number); });
}

class Session {
 public:
  Session(Channel& channel, Traits traits, const Receiver& receiver) noexcept
      : channel_(channel), traits_(traits), receiver_(receiver) {}

  Result<Latency> one_at_a_time(std::uint64_t count) {
    Latency latency;
    const auto& board = receiver_.board();
    for (; latency.count < count; ++latency.count) {
      const auto number = ++sent_;
      if (!traits_.spins && !until([&] { return receiver_.asleep(); }))
        return late("the receiver never slept before", number);
      const auto began = now_ns();
      if (!send(channel_, number)) return late("no room for", number);
      if (!until([&] { return board.taken.load(std::memory_order_acquire) == number; }))
        return late("nobody received", number);
      latency.times.add(board.stamp.load(std::memory_order_relaxed) - began);
    }
    return latency;
  }

  Result<Burst> burst(std::uint64_t count) {
    const auto& board = receiver_.board();
    const auto taken = board.taken.load(), waits = board.waits.load(), sleeps = receiver_.sleeps();
    const auto began = now_ns();
    for (std::uint64_t sent = 0; sent < count; ++sent)
      if (!send(channel_, ++sent_)) return late("no room for", sent_);
    if (!settle(taken + count) && !traits_.may_lose)
      return late("nobody received all up to", sent_);
    return Burst{.sent = count,
                 .taken = board.taken.load() - taken,
                 .waits = board.waits.load() - waits,
                 .wakeups = receiver_.sleeps() - sleeps,
                 .seconds = static_cast<double>(board.stamp.load() - began) / 1e9};
  }

  // After all was sent.
  [[nodiscard]] Semantics semantics(const Burst& burst) const noexcept {
    const auto& board = receiver_.board();
    const bool data = board.numbers.load() == board.taken.load();
    return {.coalesces = burst.waits < burst.taken,
            .carries_data = data,
            .data_right = !data || burst.lost() > 0 || board.sum.load() == sent_ * (sent_ + 1) / 2,
            .keeps_order = data ? std::optional(board.disordered.load() == 0) : std::nullopt,
            .from_hardirq = {}};
  }

 private:
  // Waits until `all` were taken. False: for some time nothing more came.
  bool settle(std::uint64_t all) const noexcept {
    const auto& taken = receiver_.board().taken;
    const auto limit = traits_.may_lose ? quiet_ns : patience_ns;
    for (std::uint64_t seen = ~taken.load(); seen != taken.load();) {
      seen = taken.load();
      if (until([&] { return taken.load(std::memory_order_acquire) == all; }, limit)) return true;
    }
    return false;
  }

  static bellwire::Error late(const char* what, std::uint64_t number) {
    return bellwire::fault(std::errc::timed_out, "{} notification {} within {} s", what, number,
                           patience_ns / 1'000'000'000);
  }

  Channel& channel_;
  const Traits traits_;
  const Receiver& receiver_;
  std::uint64_t sent_ = 0;
};

}  // namespace

Result<Figures> measure_open(Channel& channel, Traits traits, const Plan& plan) {
  if (auto pinned = pin(plan.sender_cpu); !pinned) return pinned.error();
  auto receiver = Receiver::create(channel, plan.receiver_cpu);
  if (!receiver) return receiver.error();
  Session session(channel, traits, *receiver);
  auto latency = session.one_at_a_time(plan.count);
  if (!latency) return latency.error();
  auto burst = session.burst(plan.count);
  if (!burst) return burst.error();
  return Figures{*latency, *burst, {}, session.semantics(*burst)};
}

Result<Figures> measure(const Mechanism& mechanism, const Plan& plan) {
  const auto channel = mechanism.make();
  if (auto open = channel->open(); !open) return open.error();
  auto figures = measure_open(*channel, mechanism.traits, plan);
  if (!figures) return figures;
  auto setup = measure_setup([&] { return mechanism.make(); });
  if (!setup) return setup.error();
  figures->setup = *setup;
  return figures;
}

}  // namespace bell::compare
