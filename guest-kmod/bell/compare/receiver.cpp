// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/receiver.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <fstream>
#include <string_view>

namespace bell::compare {
namespace {

constexpr std::size_t at_once = 64;  // numbers that one wait may bring

void add(std::atomic<std::uint64_t>& to, std::uint64_t value) noexcept {
  to.store(to.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

// The count last: who sees it sees the rest.
void note(Board& board, std::uint64_t& last, const Taken& taken,
          std::span<const std::uint64_t> numbers) noexcept {
  for (const auto number : numbers) {
    if (number <= last) add(board.disordered, 1);
    last = number;
    add(board.sum, number);
  }
  add(board.numbers, taken.numbers);
  add(board.waits, 1);
  board.taken.store(board.taken.load(std::memory_order_relaxed) + taken.count,
                    std::memory_order_release);
}

[[noreturn]] void receive(Channel& channel, Board& board, int cpu) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!pin(cpu)) ::_exit(1);
  std::array<std::uint64_t, at_once> numbers{};
  std::uint64_t last = 0;
  for (;;) {
    const auto taken = channel.wait(numbers);
    if (taken.count == 0) continue;
    board.stamp.store(now_ns(), std::memory_order_relaxed);
    note(board, last, taken, std::span(numbers).first(taken.numbers));
  }
}

}  // namespace

std::uint64_t now_ns() noexcept {
  constexpr std::uint64_t second = 1'000'000'000;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * second + static_cast<std::uint64_t>(now.tv_nsec);
}

Result<void> pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0)
    return bellwire::system_fault("cannot run on CPU {}", cpu);
  return {};
}

Result<Receiver> Receiver::create(Channel& channel, int cpu) {
  auto board = SharedPage<Board>::create();
  if (!board) return board.error();
  const pid_t pid = ::fork();
  if (pid < 0) return bellwire::system_fault("cannot fork a receiver");
  if (pid == 0) receive(channel, **board, cpu);
  const auto path = bellwire::text("/proc/{}/stat", pid);
  Receiver receiver(pid, std::move(*board),
                    bellwire::os::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
  if (!receiver.stat_.valid()) return bellwire::system_fault("cannot watch {}", path);
  channel.receiver_is(pid);
  return receiver;
}

Receiver::~Receiver() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

// "PID (NAME) STATE …"; our name has no parenthesis in it.
bool Receiver::asleep() const noexcept {
  std::array<char, 64> start{};
  const auto size = ::pread(stat_.get(), start.data(), start.size(), 0);
  if (size <= 0) return false;
  return std::string_view(start.data(), static_cast<std::size_t>(size)).find(") S ") !=
         std::string_view::npos;
}

std::uint64_t Receiver::sleeps() const {
  std::ifstream status(bellwire::text("/proc/{}/status", pid_));
  for (std::string line; std::getline(status, line);)
    if (constexpr std::string_view key = "voluntary_ctxt_switches:"; line.starts_with(key))
      return std::stoull(line.substr(key.size()));
  return 0;
}

}  // namespace bell::compare
