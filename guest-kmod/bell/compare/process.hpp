// SPDX-License-Identifier: BSD-3-Clause
//
// Processes that take turns: where they run, whether they sleep, and waiting for each other.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <cstdint>

#include "vdev/os/result.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bell::compare {

inline constexpr std::uint64_t patience_ns = 20'000'000'000;  // a bound, not a goal
inline constexpr std::uint64_t quiet_ns = 100'000'000;  // no news for so long: what lacks is lost

/// CLOCK_MONOTONIC in ns, which all processes and the kernel share.
[[nodiscard]] std::uint64_t now_ns() noexcept;

/// Such a time in the unit of the figures.
[[nodiscard]] constexpr double micro(std::uint64_t time_ns) noexcept {
  return static_cast<double>(time_ns) / 1000;
}

/// Keeps the calling thread on that CPU.
[[nodiscard]] bellwire::Result<void> pin(int cpu);

/// Times that this process went to sleep so far.
[[nodiscard]] std::uint64_t own_sleeps() noexcept;

/// Lets others run until `happened`. False: it didn't within `limit_ns`.
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

/// ETIMEDOUT, about a notification.
[[nodiscard]] bellwire::Error late(const char* what, std::uint64_t number);

/// Another process, as /proc tells of it.
class Watched {
 public:
  [[nodiscard]] static bellwire::Result<Watched> create(pid_t pid);

  /// The kernel's thread of that name. ESRCH: there is none.
  [[nodiscard]] static bellwire::Result<Watched> thread(const std::string& name);

  /// Whether it sleeps now.
  [[nodiscard]] bool asleep() const noexcept;

  /// Times that it went to sleep so far.
  [[nodiscard]] std::uint64_t sleeps() const;

 private:
  Watched(pid_t pid, bellwire::os::UniqueFd stat) noexcept : pid_(pid), stat_(std::move(stat)) {}
  pid_t pid_;
  bellwire::os::UniqueFd stat_;
};

/// Waits until `other` sleeps. False: it doesn't. On a CPU that we share with it, it needs but be
/// let run; that it slept is then told by its sleeps.
[[nodiscard]] bool until_asleep(const Watched& other, bool shared_cpu) noexcept;

/// Disturbs the sleep of this process twenty times a second while it lives, so that a wait for what
/// never comes ends.
class Alarm {
 public:
  Alarm() noexcept;
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm();
};

}  // namespace bell::compare
