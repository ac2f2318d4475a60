// SPDX-License-Identifier: BSD-3-Clause
//
// Measures the mechanisms with the kernel at one end: this process plays the user's end, a thread
// of the module notify_lab the other. Both stamp times with CLOCK_MONOTONIC, the kernel in its
// records.
#include "guest-kmod/bell/compare/measure/lab_channels.hpp"

#include "guest-kmod/bell/compare/measure/measure.hpp"

namespace bell::compare {
namespace {

constexpr std::uint32_t gap_us = 1;  // between the answer and the next notification

std::uint32_t gap_of(std::uint32_t flags) noexcept {
  return (flags & NOTIFY_LAB_HARDIRQ) != 0 ? timer_gap_us : gap_us;
}

class KernelToUser {
 public:
  KernelToUser(LabChannels& channels, const RoundPlan& plan) noexcept
      : channels_(channels), plan_(plan) {}

  Result<Measurement> measure() {
    if (auto pinned = pin(plan_.receiver_cpu); !pinned) return pinned.error();
    auto latency =
        one_at_a_time(plan_.singles(), channels_.mechanism().hardirq ? NOTIFY_LAB_HARDIRQ : 0U);
    if (!latency) return latency.error();
    auto burst = this->burst(plan_.burst());
    if (!burst) return burst.error();
    auto semantics = tally_.semantics(plan_.burst());
    if (plan_.first_round) semantics.from_hardirq = works_in_hardirq();
    return Measurement{*latency, *burst, {}, semantics};
  }

 private:
  Result<Latency> one_at_a_time(std::uint64_t count, std::uint32_t flags) {
    flags |= NOTIFY_LAB_PACED;
    if (auto started = start(count, flags); !started) return started.error();
    Latency latency;
    const auto sleeps = own_sleeps();
    for (auto last = now_ns(); latency.count < count;) {
      const auto received = channels_.from_kernel().wait(buffer_);
      const auto now = now_ns();
      if (received.count == 0 && now > last + patience_ns)
        return late("the kernel never sent", latency.count + 1);
      if (received.count == 0) continue;
      latency.times.add(now - channels_.lab().sent_record(latency.count).at);
      latency.count += received.count;
      last = now;
      channels_.lab().acknowledge(latency.count);
    }
    latency.sleeps = own_sleeps() - sleeps;
    channels_.lab().wait();
    return latency;
  }

  Result<Burst> burst(std::uint64_t count) {
    const auto sleeps = own_sleeps();
    if (auto started = start(count, 0); !started) return started.error();
    tally_ = {};
    std::uint64_t last = now_ns();
    while (tally_.taken < count) {
      const auto received = channels_.from_kernel().wait(buffer_);
      const auto now = now_ns();
      if (received.count > 0) {
        tally_.add(received, buffer_);
        last = now;
      } else if (now > last + (channels_.mechanism().traits.may_lose ? quiet_ns : patience_ns)) {
        break;
      }
    }
    channels_.lab().stop();
    if (tally_.taken < count && !channels_.mechanism().traits.may_lose)
      return late("nobody received", tally_.taken + 1);
    Burst burst{.sent = count,
                .taken = tally_.taken,
                .waits = tally_.waits,
                .wakeups = own_sleeps() - sleeps};
    burst.set_duration(last - channels_.lab().sent_record(0).at);
    return burst;
  }

  // Whether the module accepts to send from a hard interrupt, and the notifications arrive.
  bool works_in_hardirq() {
    constexpr std::uint64_t some = 50;
    return one_at_a_time(some, NOTIFY_LAB_HARDIRQ) && channels_.lab().info().hardirqs == some;
  }

  Result<void> start(std::uint64_t count, std::uint32_t flags) {
    return channels_.start({.count = count,
                            .flags = flags,
                            .gap_us = flags == 0 ? 0 : gap_of(flags),
                            .cpu = plan_.sender_cpu});
  }

  LabChannels& channels_;
  const RoundPlan& plan_;
  NumberBuffer buffer_{};
  Tally tally_;
};

// From the kernel's records of what it received, which have the numbers.
Tally received_by_kernel(const LabSession& lab) {
  const auto info = lab.info();
  Tally tally;
  for (std::uint64_t index = 0; index < info.received; ++index) {
    const std::uint64_t number = lab.received_record(index).number;
    tally.add({1, 1}, std::span(&number, 1));
  }
  tally.taken = info.carried;
  return tally;
}

class UserToKernel {
 public:
  UserToKernel(LabChannels& channels, const RoundPlan& plan) noexcept
      : channels_(channels), plan_(plan) {}

  Result<Measurement> measure() {
    if (auto pinned = pin(plan_.sender_cpu); !pinned) return pinned.error();
    auto latency = one_at_a_time();
    if (!latency) return latency.error();
    const auto one_by_one = received_by_kernel(channels_.lab());
    auto burst = this->burst();
    if (!burst) return burst.error();
    auto semantics = one_by_one.semantics(plan_.singles());
    semantics.carries_data = semantics.data_right && one_by_one.disordered == 0;
    semantics.data_right = true;
    if (!semantics.carries_data) semantics.keeps_order.reset();
    semantics.coalesces = burst->waits < burst->taken;
    return Measurement{*latency, *burst, {}, semantics};
  }

 private:
  Result<Latency> one_at_a_time() {
    if (auto started = start(plan_.singles()); !started) return started.error();
    auto& lab = channels_.lab();
    std::optional<OtherProcess> thread;
    if (channels_.mechanism().traits.sleeps()) {
      auto found = channels_.kernel_thread();
      if (!found) return found.error();
      thread.emplace(std::move(*found));
    }
    Latency latency;
    for (; latency.count < plan_.singles(); ++latency.count) {
      const auto number = latency.count + 1;
      if (thread && !until_asleep(*thread, plan_.shared_cpu()))
        return late("the kernel's thread never slept before", number);
      const auto began = now_ns();
      if (!until([&] { return channels_.to_kernel().send(number); }))
        return late("no room for", number);
      if (!until([&] { return lab.received() == number; }))
        return late("the kernel never received", number);
      latency.times.add(lab.received_record(latency.count).at - began);
    }
    lab.wait();
    latency.sleeps = lab.info().wakeups;
    return latency;
  }

  Result<Burst> burst() {
    if (auto started = start(plan_.burst()); !started) return started.error();
    auto& lab = channels_.lab();
    const auto began = now_ns();
    for (std::uint64_t number = 1; number <= plan_.burst(); ++number)
      if (!until([&] { return channels_.to_kernel().send(number); }))
        return late("no room for", number);
    const bool all = settle();
    const auto info = lab.info();
    lab.stop();
    if (!all && !channels_.mechanism().traits.may_lose)
      return late("the kernel never received", info.carried + 1);
    const auto last = info.received > 0 ? lab.received_record(info.received - 1).at : began;
    Burst burst{.sent = plan_.burst(),
                .taken = info.carried,
                .waits = info.received,
                .wakeups = info.wakeups};
    burst.set_duration(last - began);
    return burst;
  }

  [[nodiscard]] bool settle() {
    const auto limit = channels_.mechanism().traits.may_lose ? quiet_ns : patience_ns;
    return until([&] { return channels_.lab().info().state != NOTIFY_LAB_RUNNING; }, limit);
  }

  Result<void> start(std::uint64_t count) {
    return channels_.start({.count = count, .cpu = plan_.receiver_cpu});
  }

  LabChannels& channels_;
  const RoundPlan& plan_;
};

// This process sends, the kernel's thread wakes and answers, this process wakes.
class RoundTrip {
 public:
  RoundTrip(LabChannels& channels, const RoundPlan& plan) noexcept
      : channels_(channels), plan_(plan) {}

  Result<Measurement> measure() {
    if (auto pinned = pin(plan_.sender_cpu); !pinned) return pinned.error();
    if (auto started = channels_.start({.count = plan_.count, .cpu = plan_.receiver_cpu}); !started)
      return started.error();
    auto thread = channels_.kernel_thread();
    if (!thread) return thread.error();
    Latency latency;
    for (; latency.count < plan_.count; ++latency.count) {
      const auto number = latency.count + 1;
      if (!until_asleep(*thread, plan_.shared_cpu()))
        return late("the kernel's thread never slept before", number);
      const auto began = now_ns();
      if (!channels_.to_kernel().send(number) || !answered())
        return late("the kernel never answered", number);
      latency.times.add(now_ns() - began);
    }
    channels_.lab().wait();
    latency.sleeps = channels_.lab().info().wakeups;
    return Measurement{latency, std::nullopt, {}, tally_.semantics(plan_.count)};
  }

 private:
  bool answered() {
    return until([&] {
      const auto received = channels_.from_kernel().wait(buffer_);
      if (received.count > 0) tally_.add(received, buffer_);
      return received.count > 0;
    });
  }

  LabChannels& channels_;
  const RoundPlan& plan_;
  NumberBuffer buffer_{};
  Tally tally_;
};

}  // namespace

Result<Measurement> measure_kernel_to_user(LabChannels& channels, const RoundPlan& plan) {
  return KernelToUser(channels, plan).measure();
}

Result<Measurement> measure_user_to_kernel(LabChannels& channels, const RoundPlan& plan) {
  return UserToKernel(channels, plan).measure();
}

Result<Measurement> measure_round_trip(LabChannels& channels, const RoundPlan& plan) {
  return RoundTrip(channels, plan).measure();
}

}  // namespace bell::compare
