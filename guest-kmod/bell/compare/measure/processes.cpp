// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/measure/processes.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace bell::compare {

std::uint64_t now_ns() noexcept {
  constexpr std::uint64_t second = 1'000'000'000;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * second + static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t own_sleeps() noexcept {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_nvcsw);
}

bellwire::Error late(const char* what, std::uint64_t number) {
  return bellwire::fault(std::errc::timed_out, "{} notification {} within {} s", what, number,
                         patience_ns / 1'000'000'000);
}

bellwire::Result<OtherProcess> OtherProcess::create(pid_t pid) {
  const auto path = bellwire::text("/proc/{}/stat", pid);
  bellwire::os::UniqueFd stat(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!stat.valid()) return bellwire::system_fault("cannot watch {}", path);
  return OtherProcess(pid, std::move(stat));
}

bellwire::Result<OtherProcess> OtherProcess::thread(const std::string& name) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto number = entry.path().filename().string();
    if (std::isdigit(static_cast<unsigned char>(number.front())) == 0) continue;
    std::ifstream comm(entry.path() / "comm");
    if (std::string found; std::getline(comm, found) && found == name)
      return create(std::stoi(number));
  }
  return bellwire::fault(std::errc::no_such_process, "no thread '{}' in /proc", name);
}

// "PID (NAME) STATE …", S or, of the kernel's threads, I; no name that we look at has ") ".
bool OtherProcess::asleep() const noexcept {
  std::array<char, 64> start{};
  const auto size = ::pread(stat_.get(), start.data(), start.size(), 0);
  if (size <= 0) return false;
  const std::string_view text(start.data(), static_cast<std::size_t>(size));
  return text.find(") S ") != text.npos || text.find(") I ") != text.npos;
}

std::uint64_t OtherProcess::sleeps() const {
  std::ifstream status(bellwire::text("/proc/{}/status", pid_));
  for (std::string line; std::getline(status, line);)
    if (constexpr std::string_view key = "voluntary_ctxt_switches:"; line.starts_with(key))
      return std::stoull(line.substr(key.size()));
  return 0;
}

bool until_asleep(const OtherProcess& other, bool shared_cpu) noexcept {
  if (!shared_cpu) return until([&] { return other.asleep(); });
  ::sched_yield();
  return true;
}

PeriodicSignal::PeriodicSignal() noexcept {
  struct sigaction action {};
  action.sa_handler = [](int) {};  // without SA_RESTART: system calls return EINTR
  ::sigaction(SIGALRM, &action, nullptr);
  itimerval timer{};
  timer.it_interval.tv_usec = timer.it_value.tv_usec = 50'000;
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

PeriodicSignal::~PeriodicSignal() {
  const itimerval none{};
  ::setitimer(ITIMER_REAL, &none, nullptr);
}

namespace {

[[noreturn]] void receive(Channel& channel, SharedTally& shared, int cpu) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!pin(cpu)) ::_exit(1);
  std::array<std::uint64_t, most_at_once> numbers{};
  for (;;) {
    const auto taken = channel.wait(numbers);
    if (taken.count == 0) continue;
    shared.stamp.store(now_ns(), std::memory_order_relaxed);
    shared.tally.add(taken, numbers);
    shared.taken.store(shared.tally.taken, std::memory_order_release);
  }
}

void end(pid_t child) noexcept {
  ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<Receiver> Receiver::create(Channel& channel, int cpu) {
  auto shared = SharedPage<SharedTally>::create();
  if (!shared) return shared.error();
  const pid_t pid = ::fork();
  if (pid < 0) return bellwire::system_fault("cannot fork a receiver");
  if (pid == 0) receive(channel, **shared, cpu);
  auto process = OtherProcess::create(pid);
  if (!process) {
    end(pid);
    return process.error();
  }
  channel.set_receiver(pid);
  return Receiver(pid, std::move(*shared), std::move(*process));
}

Receiver::~Receiver() {
  if (pid_ >= 0) end(pid_);
}

}  // namespace bell::compare
