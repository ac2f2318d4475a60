// SPDX-License-Identifier: BSD-3-Clause
//
// The processes that take part in a measurement: on which CPU they run, whether they sleep, how one
// waits for the other, and the receiver that is forked for each measurement between two processes.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "guest-kmod/bell/compare/measure/measurement.hpp"
#include "guest-kmod/bell/compare/mechanisms/ipc_objects.hpp"
#include "vdev/os/cpu.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/os/result.hpp"

namespace bell::compare {

inline constexpr std::uint64_t patience_ns = 20'000'000'000;  // a limit, not a goal
inline constexpr std::uint64_t quiet_ns =
    100'000'000;  // after so long without a notification, the rest counts as lost

/// CLOCK_MONOTONIC in ns, which all processes and the kernel share.
[[nodiscard]] std::uint64_t now_ns() noexcept;

[[nodiscard]] constexpr double to_us(std::uint64_t time_ns) noexcept {
  return static_cast<double>(time_ns) / 1000;
}

/// Keeps the calling thread on that CPU.
[[nodiscard]] inline bellwire::Result<void> pin(int cpu) {
  return bellwire::os::pin_thread(static_cast<unsigned>(cpu));
}

/// How often this process went to sleep so far.
[[nodiscard]] std::uint64_t own_sleeps() noexcept;

/// Lets other processes run until `happened()` is true. False: it wasn't within `limit_ns`.
template <class Happened>
bool until(Happened happened, std::uint64_t limit_ns = patience_ns) noexcept {
  constexpr unsigned tries_per_clock_read = 64;
  const auto end = now_ns() + limit_ns;
  for (unsigned tries = 1; !happened(); ++tries) {
    if (tries % tries_per_clock_read == 0 && now_ns() > end) return false;
    ::sched_yield();
  }
  return true;
}

/// The error ETIMEDOUT: "`what` notification `number` within … s".
[[nodiscard]] bellwire::Error late(const char* what, std::uint64_t number);

/// Another process or kernel thread, as /proc shows it.
class OtherProcess {
 public:
  [[nodiscard]] static bellwire::Result<OtherProcess> create(pid_t pid);

  /// The kernel thread of that name. ESRCH: there is none.
  [[nodiscard]] static bellwire::Result<OtherProcess> thread(const std::string& name);

  /// Whether it sleeps now.
  [[nodiscard]] bool asleep() const noexcept;

  /// How often it went to sleep so far.
  [[nodiscard]] std::uint64_t sleeps() const;

 private:
  OtherProcess(pid_t pid, bellwire::os::UniqueFd stat) noexcept
      : pid_(pid), stat_(std::move(stat)) {}
  pid_t pid_;
  bellwire::os::UniqueFd stat_;
};

/// Waits until `other` sleeps; false: it never does. On a shared CPU one yield lets it run until it
/// sleeps; whether it did is seen later by its count of sleeps.
[[nodiscard]] bool until_asleep(const OtherProcess& other, bool shared_cpu) noexcept;

/// While it lives, a signal interrupts this process twenty times a second, so that a wait for a
/// notification that never arrives returns.
class PeriodicSignal {
 public:
  PeriodicSignal() noexcept;
  PeriodicSignal(const PeriodicSignal&) = delete;
  PeriodicSignal& operator=(const PeriodicSignal&) = delete;
  ~PeriodicSignal();
};

/// The most numbers that one wait may return.
inline constexpr std::size_t most_at_once = 64;

/// Written by the receiver alone; `taken` last, so whoever reads it with acquire sees the rest.
struct SharedTally {
  Tally tally;
  std::atomic<std::uint64_t> stamp;  ///< when the last wait returned, by now_ns()
  std::atomic<std::uint64_t> taken;
};

/// A process that waits at a channel's other end and counts what arrives in memory that it shares
/// with the sender. The sender's process owns it; dropping it ends it.
class Receiver {
 public:
  /// Forks the process; the channel must be open.
  [[nodiscard]] static Result<Receiver> create(Channel& channel, int cpu);

  Receiver(Receiver&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        shared_(std::move(other.shared_)),
        process_(std::move(other.process_)) {}
  Receiver& operator=(Receiver&&) = delete;
  ~Receiver();

  [[nodiscard]] std::uint64_t taken() const noexcept {
    return shared_->taken.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint64_t stamp() const noexcept { return shared_->stamp.load(); }
  [[nodiscard]] const Tally& tally() const noexcept { return shared_->tally; }
  [[nodiscard]] const OtherProcess& process() const noexcept { return process_; }

 private:
  Receiver(pid_t pid, SharedPage<SharedTally> shared, OtherProcess process) noexcept
      : pid_(pid), shared_(std::move(shared)), process_(std::move(process)) {}
  pid_t pid_;
  SharedPage<SharedTally> shared_;
  OtherProcess process_;
};

}  // namespace bell::compare
