// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/directions.hpp"

namespace bell::compare {
namespace {

constexpr std::uint32_t gap_us = 1;  // between the answer and the next notification

std::uint32_t gap_of(std::uint32_t flags) noexcept {
  return (flags & NOTIFY_LAB_HARDIRQ) != 0 ? timer_gap_us : gap_us;
}

class KernelToUser {
 public:
  KernelToUser(Stand& stand, const Plan& plan) noexcept : stand_(stand), plan_(plan) {}

  Result<Figures> measure() {
    if (auto pinned = pin(plan_.receiver_cpu); !pinned) return pinned.error();
    auto latency =
        one_at_a_time(plan_.singles(), stand_.mechanism().hardirq ? NOTIFY_LAB_HARDIRQ : 0U);
    if (!latency) return latency.error();
    auto burst = this->burst(plan_.burst());
    if (!burst) return burst.error();
    auto semantics = tally_.semantics(plan_.burst());
    if (plan_.once) semantics.from_hardirq = works_in_hardirq();
    return Figures{*latency, *burst, {}, semantics};
  }

 private:
  Result<Latency> one_at_a_time(std::uint64_t count, std::uint32_t flags) {
    flags |= NOTIFY_LAB_PACED;
    if (auto started = start(count, flags); !started) return started.error();
    Latency latency;
    const auto sleeps = own_sleeps();
    for (auto news = now_ns(); latency.count < count;) {
      const auto taken = stand_.from_kernel().wait(room_);
      const auto now = now_ns();
      if (taken.count == 0 && now > news + patience_ns)
        return late("the kernel never sent", latency.count + 1);
      if (taken.count == 0) continue;
      latency.times.add(now - stand_.lab().sent_record(latency.count).at);
      latency.count += taken.count;
      news = now;
      stand_.lab().acknowledge(latency.count);
    }
    latency.sleeps = own_sleeps() - sleeps;
    stand_.lab().wait();
    return latency;
  }

  Result<Burst> burst(std::uint64_t count) {
    const auto sleeps = own_sleeps();
    if (auto started = start(count, 0); !started) return started.error();
    tally_ = {};
    std::uint64_t last = now_ns();
    while (tally_.taken < count) {
      const auto taken = stand_.from_kernel().wait(room_);
      const auto now = now_ns();
      if (taken.count > 0) {
        tally_.note(taken, room_);
        last = now;
      } else if (now > last + (stand_.mechanism().traits.may_lose ? quiet_ns : patience_ns)) {
        break;
      }
    }
    stand_.lab().stop();
    if (tally_.taken < count && !stand_.mechanism().traits.may_lose)
      return late("nobody received", tally_.taken + 1);
    Burst burst{.sent = count,
                .taken = tally_.taken,
                .waits = tally_.waits,
                .wakeups = own_sleeps() - sleeps};
    burst.took(last - stand_.lab().sent_record(0).at);
    return burst;
  }

  // Whether the module lets it be sent from a hard interrupt, and it arrives.
  bool works_in_hardirq() {
    constexpr std::uint64_t some = 50;
    return one_at_a_time(some, NOTIFY_LAB_HARDIRQ) && stand_.lab().info().hardirqs == some;
  }

  Result<void> start(std::uint64_t count, std::uint32_t flags) {
    return stand_.start({.count = count,
                         .flags = flags,
                         .gap_us = flags == 0 ? 0 : gap_of(flags),
                         .cpu = plan_.sender_cpu});
  }

  Stand& stand_;
  const Plan& plan_;
  Room room_{};
  Tally tally_;
};

}  // namespace

Result<Figures> measure_kernel_to_user(Stand& stand, const Plan& plan) {
  return KernelToUser(stand, plan).measure();
}

}  // namespace bell::compare
