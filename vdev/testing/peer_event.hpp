// SPDX-License-Identifier: BSD-3-Clause
//
// For tests of what a peer can do with an eventfd that it shares with us: PeerEvent is the peer's
// end, blocking unless it says otherwise; a Watchdog ends what would sleep for ever, so that a test
// fails and doesn't hang.
#pragma once

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <system_error>

#include "vdev/os/event_fd.hpp"
#include "vdev/os/shared_event.hpp"

namespace bellwire::testing {

class PeerEvent {
 public:
  static constexpr std::uint64_t full = ~std::uint64_t{0} - 1;

  /// `flags`: EFD_SEMAPHORE, EFD_NONBLOCK.
  explicit PeerEvent(int flags = 0) : fd_(::eventfd(0, flags | EFD_CLOEXEC)) {
    if (!fd_.valid()) throw std::system_error(errno, std::system_category(), "eventfd");
  }
  /// One that was handed to the peer.
  explicit PeerEvent(const os::EventFd& ours) : fd_(os::duplicate(ours.fd())) {}

  /// What it hands to us.
  [[nodiscard]] os::EventFd handed_over() const {
    return os::EventFd::adopt(fd_.duplicate()).value();
  }
  void add(std::uint64_t count) const {
    [[maybe_unused]] const auto written = ::write(fd_.get(), &count, sizeof count);
  }
  void fill() const { add(full); }
  /// Takes what there is; 0 where a blocking one has nothing.
  std::uint64_t take() const { return os::take_count(fd_.get()).value_or(0); }
  [[nodiscard]] int flags() const { return ::fcntl(fd_.get(), F_GETFL); }
  void set_blocking(bool blocking) const {
    ::fcntl(fd_.get(), F_SETFL, blocking ? flags() & ~O_NONBLOCK : flags() | O_NONBLOCK);
  }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  os::UniqueFd fd_;
};

/// Of the thread that makes it.
class Watchdog {
 public:
  Watchdog() {
    struct sigaction handler {};  // without SA_RESTART: the call that sleeps returns EINTR
    handler.sa_handler = [](int) { barked_ = 1; };
    ::sigaction(SIGRTMIN, &handler, nullptr);
    barked_ = 0;
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGRTMIN;
    event._sigev_un._tid = ::gettid();
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0)
      throw std::system_error(errno, std::system_category(), "timer_create");
    itimerspec times{};
    times.it_value.tv_sec = 20;
    times.it_interval.tv_sec = 1;
    ::timer_settime(timer_, 0, &times, nullptr);
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() { ::timer_delete(timer_); }

  /// Whether something slept for too long.
  [[nodiscard]] static bool barked() noexcept { return barked_ != 0; }

 private:
  static inline volatile std::sig_atomic_t barked_ = 0;
  timer_t timer_{};
};

}  // namespace bellwire::testing
