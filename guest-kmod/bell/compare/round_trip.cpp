// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/directions.hpp"

namespace bell::compare {
namespace {

// We send, the kernel's thread wakes and answers, we wake.
class RoundTrip {
 public:
  RoundTrip(Stand& stand, const Plan& plan) noexcept : stand_(stand), plan_(plan) {}

  Result<Figures> measure() {
    if (auto pinned = pin(plan_.sender_cpu); !pinned) return pinned.error();
    if (auto started = stand_.start({.count = plan_.count, .cpu = plan_.receiver_cpu}); !started)
      return started.error();
    auto thread = kernel_thread(stand_);
    if (!thread) return thread.error();
    Latency latency;
    for (; latency.count < plan_.count; ++latency.count) {
      const auto number = latency.count + 1;
      if (!until_asleep(*thread, plan_.shared_cpu()))
        return late("the kernel's thread never slept before", number);
      const auto began = now_ns();
      if (!stand_.to_kernel().send(number) || !answered())
        return late("the kernel never answered", number);
      latency.times.add(now_ns() - began);
    }
    stand_.lab().wait();
    latency.sleeps = stand_.lab().info().wakeups;
    return Figures{latency, std::nullopt, {}, tally_.semantics(plan_.count)};
  }

 private:
  bool answered() {
    return until([&] {
      const auto taken = stand_.from_kernel().wait(room_);
      if (taken.count > 0) tally_.note(taken, room_);
      return taken.count > 0;
    });
  }

  Stand& stand_;
  const Plan& plan_;
  Room room_{};
  Tally tally_;
};

}  // namespace

Result<Figures> measure_round_trip(Stand& stand, const Plan& plan) {
  return RoundTrip(stand, plan).measure();
}

}  // namespace bell::compare
