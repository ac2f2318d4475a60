// SPDX-License-Identifier: BSD-3-Clause
//
// Signals that are blocked and waited for. Real-time signals queue up, each with a value. Of an
// ordinary signal one can be pending; those that follow meanwhile are merged into it.
#include <unistd.h>

#include <csignal>

#include "guest-kmod/bell/compare/mechanisms/mechanism.hpp"

namespace bell::compare {
namespace {

Result<sigset_t> block(int signal) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0)
    return bellwire::system_fault("cannot block signal {}", signal);
  return set;
}

class QueuedSignal final : public Channel {
 public:
  Result<void> open() override {
    auto set = block(SIGRTMIN);
    if (!set) return set.error();
    set_ = *set;
    return {};
  }
  void set_receiver(pid_t process) noexcept override { process_ = process; }
  Ends ends() const noexcept override { return {.signal = static_cast<unsigned>(SIGRTMIN)}; }
  bool send(std::uint64_t number) noexcept override {
    sigval value{};
    value.sival_ptr = reinterpret_cast<void*>(number);
    return ::sigqueue(process_, SIGRTMIN, value) == 0;
  }
  Received wait(Numbers numbers) noexcept override {
    siginfo_t info{};
    if (::sigwaitinfo(&set_, &info) < 0) return {};
    numbers[0] = reinterpret_cast<std::uint64_t>(info.si_value.sival_ptr);
    return {1, 1};
  }

 private:
  sigset_t set_{};
  pid_t process_ = 0;
};

class PlainSignal final : public Channel {
 public:
  Result<void> open() override {
    auto set = block(SIGUSR1);
    if (!set) return set.error();
    set_ = *set;
    return {};
  }
  void set_receiver(pid_t process) noexcept override { process_ = process; }
  bool send(std::uint64_t) noexcept override { return ::kill(process_, SIGUSR1) == 0; }
  Received wait(Numbers) noexcept override {
    return {::sigwaitinfo(&set_, nullptr) == SIGUSR1 ? 1U : 0U, 0};
  }

 private:
  sigset_t set_{};
  pid_t process_ = 0;
};

constexpr Mechanism signal_rows[] = {
    {"signal, queued", "sigqueue and sigwaitinfo, a real-time signal", "signals.cpp:QueuedSignal",
     make<QueuedSignal>},
    {"signal, plain",
     "kill and sigwaitinfo, SIGUSR1",
     "signals.cpp:PlainSignal",
     make<PlainSignal>,
     {.may_lose = true}},
};

}  // namespace

std::span<const Mechanism> signals() {
  return signal_rows;
}

}  // namespace bell::compare
