// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/waiting.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>

namespace bell {
namespace {

constexpr std::chrono::milliseconds second{1000};

// A blocking read has no timeout; a signal every second gives it one.
bool interrupt_every_second() {
  struct sigaction action {};
  action.sa_handler = [](int) {};  // without SA_RESTART: read() returns EINTR
  itimerval timer{};
  timer.it_interval.tv_sec = timer.it_value.tv_sec = 1;
  return ::sigaction(SIGALRM, &action, nullptr) == 0 &&
         ::setitimer(ITIMER_REAL, &timer, nullptr) == 0;
}

}  // namespace

bellwire::Result<CallEvent> CallEvent::create(Wait how) {
  const int blocking = how == Wait::read ? 0 : EFD_NONBLOCK;
  bellwire::os::UniqueFd event(::eventfd(0, EFD_CLOEXEC | blocking));
  if (!event.valid()) return bellwire::system_fault("cannot make the call eventfd");
  bellwire::os::UniqueFd epoll;
  if (how == Wait::read && !interrupt_every_second())
    return bellwire::system_fault("cannot set a timer");
  if (how == Wait::epoll) {
    epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event interest{.events = EPOLLIN, .data = {}};
    if (!epoll.valid() || ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, event.get(), &interest) != 0)
      return bellwire::system_fault("cannot make an epoll set");
  }
  return CallEvent(how, std::move(event), std::move(epoll));
}

// A read that the timer interrupted may have begun just before.
bool CallEvent::wait() noexcept {
  if (how_ == Wait::read) return drain() || wait(second);
  if (how_ == Wait::poll) return wait(second);
  epoll_event happened{};
  return ::epoll_wait(epoll_.get(), &happened, 1, static_cast<int>(second.count())) > 0 && drain();
}

bool CallEvent::wait(std::chrono::milliseconds time) noexcept {
  const auto end = std::chrono::steady_clock::now() + time;
  pollfd entry{.fd = event_.get(), .events = POLLIN, .revents = 0};
  for (auto left = time; left.count() > 0;
       left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()))
    if (const int ready = ::poll(&entry, 1, static_cast<int>(left.count())); ready >= 0)
      return ready > 0 && drain();
  return false;
}

bool CallEvent::drain() noexcept {
  std::uint64_t count = 0;
  return ::read(event_.get(), &count, sizeof count) == sizeof count;
}

}  // namespace bell
