// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/receiver.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace bell::compare {
namespace {

[[noreturn]] void receive(Channel& channel, Board& board, int cpu) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!pin(cpu)) ::_exit(1);
  std::array<std::uint64_t, most_at_once> numbers{};
  for (;;) {
    const auto taken = channel.wait(numbers);
    if (taken.count == 0) continue;
    board.stamp.store(now_ns(), std::memory_order_relaxed);
    board.tally.note(taken, numbers);
    board.taken.store(board.tally.taken, std::memory_order_release);
  }
}

void end(pid_t child) noexcept {
  ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<Receiver> Receiver::create(Channel& channel, int cpu) {
  auto board = SharedPage<Board>::create();
  if (!board) return board.error();
  const pid_t pid = ::fork();
  if (pid < 0) return bellwire::system_fault("cannot fork a receiver");
  if (pid == 0) receive(channel, **board, cpu);
  auto process = Watched::create(pid);
  if (!process) {
    end(pid);
    return process.error();
  }
  channel.receiver_is(pid);
  return Receiver(pid, std::move(*board), std::move(*process));
}

Receiver::~Receiver() {
  if (pid_ >= 0) end(pid_);
}

}  // namespace bell::compare
