// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/directions.hpp"

namespace bell::compare {
namespace {

// The kernel's records of what it received tell what each carried.
Tally received_by_kernel(const Lab& lab) {
  const auto info = lab.info();
  Tally tally;
  for (std::uint64_t index = 0; index < info.received; ++index) {
    const std::uint64_t number = lab.received_record(index).number;
    tally.note({1, 1}, std::span(&number, 1));
  }
  tally.taken = info.carried;
  return tally;
}

class UserToKernel {
 public:
  UserToKernel(Stand& stand, const Plan& plan) noexcept : stand_(stand), plan_(plan) {}

  Result<Figures> measure() {
    if (auto pinned = pin(plan_.sender_cpu); !pinned) return pinned.error();
    auto latency = one_at_a_time();
    if (!latency) return latency.error();
    const auto one_by_one = received_by_kernel(stand_.lab());
    auto burst = this->burst();
    if (!burst) return burst.error();
    auto semantics = one_by_one.semantics(plan_.singles());
    semantics.carries_data = semantics.data_right && one_by_one.disordered == 0;
    semantics.data_right = true;
    if (!semantics.carries_data) semantics.keeps_order.reset();
    semantics.coalesces = burst->waits < burst->taken;
    return Figures{*latency, *burst, {}, semantics};
  }

 private:
  Result<Latency> one_at_a_time() {
    if (auto started = start(plan_.singles()); !started) return started.error();
    auto& lab = stand_.lab();
    std::optional<Watched> thread;
    if (stand_.mechanism().traits.sleeps()) {
      auto found = kernel_thread(stand_);
      if (!found) return found.error();
      thread.emplace(std::move(*found));
    }
    Latency latency;
    for (; latency.count < plan_.singles(); ++latency.count) {
      const auto number = latency.count + 1;
      if (thread && !until_asleep(*thread, plan_.shared_cpu()))
        return late("the kernel's thread never slept before", number);
      const auto began = now_ns();
      if (!until([&] { return stand_.to_kernel().send(number); }))
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
    auto& lab = stand_.lab();
    const auto began = now_ns();
    for (std::uint64_t number = 1; number <= plan_.burst(); ++number)
      if (!until([&] { return stand_.to_kernel().send(number); }))
        return late("no room for", number);
    const bool all = settle();
    const auto info = lab.info();
    lab.stop();
    if (!all && !stand_.mechanism().traits.may_lose)
      return late("the kernel never received", info.carried + 1);
    const auto last = info.received > 0 ? lab.received_record(info.received - 1).at : began;
    Burst burst{.sent = plan_.burst(),
                .taken = info.carried,
                .waits = info.received,
                .wakeups = info.wakeups};
    burst.took(last - began);
    return burst;
  }

  [[nodiscard]] bool settle() {
    const auto limit = stand_.mechanism().traits.may_lose ? quiet_ns : patience_ns;
    return until([&] { return stand_.lab().info().state != NOTIFY_LAB_RUNNING; }, limit);
  }

  Result<void> start(std::uint64_t count) {
    return stand_.start({.count = count, .cpu = plan_.receiver_cpu});
  }

  Stand& stand_;
  const Plan& plan_;
};

}  // namespace

Result<Figures> measure_user_to_kernel(Stand& stand, const Plan& plan) {
  return UserToKernel(stand, plan).measure();
}

}  // namespace bell::compare
