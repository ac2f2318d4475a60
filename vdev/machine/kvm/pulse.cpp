// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/kvm/pulse.hpp"

#include <csignal>

#include <unistd.h>

namespace bellwire::kvm {
namespace {

// That a handler runs is enough: it makes KVM_RUN return. Other calls go on by SA_RESTART.
void install_handler() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGURG, &action, nullptr);
}

timespec to_timespec(std::chrono::milliseconds time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return {.tv_sec = seconds.count(), .tv_nsec = std::chrono::nanoseconds(time - seconds).count()};
}

}  // namespace

Result<Pulse> Pulse::start(std::chrono::milliseconds interval) {
  [[maybe_unused]] static const bool installed = (install_handler(), true);
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGURG;
  event._sigev_un._tid = ::gettid();
  timer_t timer{};
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
    return system_fault("cannot make a timer");
  Pulse pulse(timer);
  const auto time = to_timespec(interval);
  const itimerspec beats{.it_interval = time, .it_value = time};
  if (::timer_settime(timer, 0, &beats, nullptr) != 0)
    return system_fault("cannot set a timer to {} ms", interval.count());
  return pulse;
}

Pulse::~Pulse() {
  if (beats_) ::timer_delete(timer_);
}

}  // namespace bellwire::kvm
