// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/lab_measure.hpp"

#include <array>

#include "guest-kmod/bell/compare/receiver.hpp"
#include "guest-kmod/bell/compare/setup.hpp"
#include "guest-kmod/bell/compare/stand.hpp"

namespace bell::compare {
namespace {

constexpr std::uint32_t gap_us = 10;        // between the answer and the next notification
constexpr std::uint32_t timer_gap_us = 50;  // the least that a timer takes

std::uint32_t gap_of(std::uint32_t flags) noexcept {
  return (flags & NOTIFY_LAB_HARDIRQ) != 0 ? timer_gap_us : gap_us;
}

using Room = std::array<std::uint64_t, most_at_once>;

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

class KernelToUser {
 public:
  KernelToUser(Stand& stand, const Plan& plan) noexcept : stand_(stand), plan_(plan) {}

  Result<Figures> measure() {
    if (auto pinned = pin(plan_.receiver_cpu); !pinned) return pinned.error();
    auto latency = one_at_a_time(plan_.count, stand_.mechanism().hardirq ? NOTIFY_LAB_HARDIRQ : 0U);
    if (!latency) return latency.error();
    auto burst = this->burst(plan_.count);
    if (!burst) return burst.error();
    auto semantics = tally_.semantics(plan_.count);
    semantics.from_hardirq = works_in_hardirq();
    return Figures{*latency, *burst, {}, semantics};
  }

 private:
  Result<Latency> one_at_a_time(std::uint64_t count, std::uint32_t flags) {
    flags |= NOTIFY_LAB_PACED;
    if (auto started = start(count, flags); !started) return started.error();
    Latency latency;
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
    const auto info = stand_.lab().info();
    stand_.lab().stop();
    if (tally_.taken < count && !stand_.mechanism().traits.may_lose)
      return late("nobody received", tally_.taken + 1);
    return Burst{.sent = count,
                 .taken = tally_.taken,
                 .waits = tally_.waits,
                 .wakeups = own_sleeps() - sleeps,
                 .seconds = static_cast<double>(last - stand_.lab().sent_record(0).at) / 1e9};
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
    auto semantics = one_by_one.semantics(plan_.count);
    semantics.carries_data = semantics.data_right && one_by_one.disordered == 0;
    semantics.data_right = true;
    if (!semantics.carries_data) semantics.keeps_order.reset();
    semantics.coalesces = burst->waits < burst->taken;
    return Figures{*latency, *burst, {}, semantics};
  }

 private:
  Result<Latency> one_at_a_time() {
    if (auto started = start(); !started) return started.error();
    auto& lab = stand_.lab();
    std::optional<Watched> thread;
    if (stand_.mechanism().traits.sleeps()) {
      auto found = Watched::thread(bellwire::text("notify_lab/{}", lab.info().session));
      if (!found) return found.error();
      thread.emplace(std::move(*found));
    }
    Latency latency;
    for (; latency.count < plan_.count; ++latency.count) {
      const auto number = latency.count + 1;
      if (thread && !until([&] { return thread->asleep(); }))
        return late("the kernel's thread never slept before", number);
      const auto began = now_ns();
      if (!until([&] { return stand_.to_kernel().send(number); }))
        return late("no room for", number);
      if (!until([&] { return lab.received() == number; }))
        return late("the kernel never received", number);
      latency.times.add(lab.received_record(latency.count).at - began);
    }
    lab.wait();
    return latency;
  }

  Result<Burst> burst() {
    if (auto started = start(); !started) return started.error();
    auto& lab = stand_.lab();
    const auto began = now_ns();
    for (std::uint64_t number = 1; number <= plan_.count; ++number)
      if (!until([&] { return stand_.to_kernel().send(number); }))
        return late("no room for", number);
    const bool all = settle();
    const auto info = lab.info();
    lab.stop();
    if (!all && !stand_.mechanism().traits.may_lose)
      return late("the kernel never received", info.carried + 1);
    const auto last = info.received > 0 ? lab.received_record(info.received - 1).at : began;
    return Burst{.sent = plan_.count,
                 .taken = info.carried,
                 .waits = info.received,
                 .wakeups = info.wakeups,
                 .seconds = static_cast<double>(last - began) / 1e9};
  }

  [[nodiscard]] bool settle() {
    const auto limit = stand_.mechanism().traits.may_lose ? quiet_ns : patience_ns;
    return until([&] { return stand_.lab().info().state != NOTIFY_LAB_RUNNING; }, limit);
  }

  Result<void> start() { return stand_.start({.count = plan_.count, .cpu = plan_.receiver_cpu}); }

  Stand& stand_;
  const Plan& plan_;
};

// We send, the kernel's thread wakes and answers, we wake.
class RoundTrip {
 public:
  RoundTrip(Stand& stand, const Plan& plan) noexcept : stand_(stand), plan_(plan) {}

  Result<Figures> measure() {
    if (auto pinned = pin(plan_.sender_cpu); !pinned) return pinned.error();
    if (auto started = stand_.start({.count = plan_.count, .cpu = plan_.receiver_cpu}); !started)
      return started.error();
    auto thread = Watched::thread(bellwire::text("notify_lab/{}", stand_.lab().info().session));
    if (!thread) return thread.error();
    Latency latency;
    for (; latency.count < plan_.count; ++latency.count) {
      const auto number = latency.count + 1;
      if (!until([&] { return thread->asleep(); }))
        return late("the kernel's thread never slept before", number);
      const auto began = now_ns();
      if (!stand_.to_kernel().send(number) || !answered())
        return late("the kernel never answered", number);
      latency.times.add(now_ns() - began);
    }
    stand_.lab().wait();
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

class LabBeginning final : public Beginning {
 public:
  explicit LabBeginning(const LabMechanism& mechanism) : stand_(mechanism) {}
  Result<void> prepare() override { return stand_.open_session(); }
  Result<void> first_notification() override {
    if (auto opened = stand_.open_ends(); !opened) return opened;
    const auto flags = stand_.mechanism().hardirq ? NOTIFY_LAB_HARDIRQ : 0U;
    if (auto started = stand_.start({.flags = flags, .gap_us = flags == 0 ? 0 : timer_gap_us});
        !started)
      return started;
    Room room{};
    if (stand_.mechanism().to_kernel != nullptr) stand_.to_kernel().send(1);
    if (stand_.mechanism().from_kernel != nullptr)
      stand_.from_kernel().wait(room);
    else
      stand_.lab().wait();
    return {};
  }
  void take_down() override { stand_.close_ends(); }

 private:
  Stand stand_;
};

Result<Figures> measure_direction(Stand& stand, const Plan& plan) {
  const Alarm alarm;  // ends waits for what never comes
  const auto& mechanism = stand.mechanism();
  if (mechanism.from_kernel && mechanism.to_kernel) return RoundTrip(stand, plan).measure();
  if (mechanism.from_kernel) return KernelToUser(stand, plan).measure();
  return UserToKernel(stand, plan).measure();
}

}  // namespace

Result<Figures> measure(const LabMechanism& mechanism, const Plan& plan) {
  Stand stand(mechanism);
  if (auto opened = stand.open(); !opened) return opened.error();
  auto figures = measure_direction(stand, plan);
  if (!figures) return figures;
  auto setup = measure_setup([&] { return std::make_unique<LabBeginning>(mechanism); });
  if (!setup) return setup.error();
  figures->setup = *setup;
  return figures;
}

}  // namespace bell::compare
