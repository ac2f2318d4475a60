// SPDX-License-Identifier: BSD-3-Clause
//
// What a mechanism costs before the first notification and after the last: times, and the system
// calls, which a child makes under ptrace.
#include "guest-kmod/bell/compare/measure/measure.hpp"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "guest-kmod/bell/compare/measure/processes.hpp"

namespace bell::compare {
namespace {

constexpr std::size_t runs = 3;

// The traced child. It stops itself before the first and after the last call that counts.
[[noreturn]] void be_traced(SetupSequence& sequence) {
  ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  const pid_t self = ::getpid();
  ::kill(self, SIGSTOP);
  const bool came = sequence.first_notification().has_value();
  ::kill(self, SIGSTOP);
  sequence.tear_down();
  ::_exit(came ? 0 : 1);
}

// Lets the child run to its next stop. False: it has stopped itself, or ended, or never started.
// Any other signal that stopped it is delivered.
bool next_stop(pid_t child, int& status) {
  const int stopped_by = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
  const bool ours = stopped_by == SIGSTOP || stopped_by == (SIGTRAP | 0x80);
  return ::ptrace(PTRACE_SYSCALL, child, nullptr, ours ? 0 : stopped_by) == 0 &&
         ::waitpid(child, &status, 0) == child && WIFSTOPPED(status) && WSTOPSIG(status) != SIGSTOP;
}

// Lets the child run to its end, untraced.
void finish(pid_t child, int& status) {
  if (!WIFSTOPPED(status)) return;
  ::ptrace(PTRACE_DETACH, child, nullptr, 0);
  ::waitpid(child, &status, 0);
}

bool enters_a_call(pid_t child) {
  __ptrace_syscall_info info{};
  return ::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) > 0 &&
         info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

Result<std::uint64_t> count_calls(SetupSequence& sequence) {
  if (auto prepared = sequence.prepare(); !prepared) return prepared.error();
  const pid_t child = ::fork();
  if (child < 0) return bellwire::system_fault("cannot fork a process to trace");
  if (child == 0) be_traced(sequence);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  std::uint64_t calls = 0;
  while (next_stop(child, status)) calls += enters_a_call(child) ? 1 : 0;
  finish(child, status);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return bellwire::fault(std::errc::io_error, "the traced set-up failed, status {}", status);
  return calls - 1;  // the one by which it stopped itself
}

}  // namespace

Result<Setup> measure_setup(const std::function<std::unique_ptr<SetupSequence>()>& make,
                            bool calls) {
  Setup setup;
  for (std::size_t run = 0; run < runs; ++run) {
    const auto sequence = make();
    if (auto prepared = sequence->prepare(); !prepared) return prepared.error();
    const auto began = now_ns();
    if (auto came = sequence->first_notification(); !came) return came.error();
    const auto first = now_ns();
    sequence->tear_down();
    setup.first_us.push_back(to_us(first - began));
    setup.teardown_us.push_back(to_us(now_ns() - first));
  }
  if (calls) {
    const auto counted = count_calls(*make());
    if (!counted) return counted.error();
    setup.calls = *counted;
  }
  return setup;
}

}  // namespace bell::compare
