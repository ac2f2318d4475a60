// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/setup.hpp"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <vector>

#include "guest-kmod/bell/compare/receiver.hpp"

namespace bell::compare {
namespace {

constexpr std::size_t runs = 25;

Result<void> first_notification(Channel& channel) {
  if (auto open = channel.open(); !open) return open;
  channel.receiver_is(::getpid());
  std::array<std::uint64_t, 1> number{};
  if (!channel.send(1) || channel.wait(number).count != 1)
    return bellwire::fault(std::errc::io_error, "the first notification did not come");
  return {};
}

double median_us(std::vector<std::uint64_t>& times_ns) {
  const auto middle = times_ns.begin() + static_cast<std::ptrdiff_t>(times_ns.size() / 2);
  std::nth_element(times_ns.begin(), middle, times_ns.end());
  return static_cast<double>(*middle) / 1000;
}

[[noreturn]] void be_traced(Channel& channel) {
  ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  ::kill(::getpid(), SIGSTOP);
  ::_exit(first_notification(channel) ? 0 : 1);
}

// Lets the child run to its next stop. False: it has ended, or never started.
bool next_stop(pid_t child, int& status) {
  return ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) == 0 &&
         ::waitpid(child, &status, 0) == child && WIFSTOPPED(status);
}

bool enters_a_call(pid_t child) {
  __ptrace_syscall_info info{};
  return ::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) > 0 &&
         info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr != SYS_exit_group;
}

Result<std::uint64_t> count_calls(Channel& channel) {
  const pid_t child = ::fork();
  if (child < 0) return bellwire::system_fault("cannot fork a process to trace");
  if (child == 0) be_traced(channel);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  std::uint64_t calls = 0;
  while (next_stop(child, status)) calls += enters_a_call(child) ? 1 : 0;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return bellwire::fault(std::errc::io_error, "the traced set-up failed, status {}", status);
  return calls;
}

}  // namespace

Result<Setup> measure_setup(const std::function<std::unique_ptr<Channel>()>& make) {
  std::vector<std::uint64_t> setup, teardown;
  for (std::size_t run = 0; run < runs; ++run) {
    const auto began = now_ns();
    auto channel = make();
    if (auto came = first_notification(*channel); !came) return came.error();
    const auto first = now_ns();
    channel.reset();
    setup.push_back(first - began);
    teardown.push_back(now_ns() - first);
  }
  const auto calls = count_calls(*make());
  if (!calls) return calls.error();
  return Setup{median_us(setup), median_us(teardown), *calls};
}

}  // namespace bell::compare
