// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/machine.hpp"

#include <linux/perf_event.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <thread>
#include <vector>

#include "host/cli/system.hpp"
#include "vdev/os/cpu.hpp"
#include "vdev/os/text.hpp"

// The program's operator new counts how often it was asked, on any thread. Other forms end in these
// two; the one that does not throw is replaced, too, since a sanitizer brings its own, which would
// not fit our delete.
namespace {
constinit std::atomic<std::uint64_t> asked{0};
}

void* operator new(std::size_t size) {
  asked.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  asked.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size > 0 ? size : 1);
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace bellwire::bench {
namespace {

constexpr std::chrono::milliseconds tick_measurement{50};

std::vector<int> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

double ns_per_tick() {
  const os::Ticks ticks;
  std::this_thread::sleep_for(tick_measurement);
  return ticks.ns_each();
}

}  // namespace

std::string kvm_accelerator() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/module", error))
    if (const auto name = entry.path().filename().string(); name.starts_with("kvm_"))
      return text("KVM ({})", name);
  return "KVM";
}

Environment describe_environment(std::string accelerator) {
  Environment environment{.accelerator = std::move(accelerator),
                          .cpu = host::cpu_model(),
                          .kernel = text("Linux {}", host::kernel_release()),
                          .ns_per_tick = ns_per_tick()};
  const auto cpus = usable_cpus();
  if (cpus.size() >= 2) {
    environment.guest_cpu = cpus[0];
    environment.device_cpu = cpus[1];
  }
  return environment;
}

void pin_thread(int cpu) noexcept {
  if (cpu >= 0) [[maybe_unused]]
    const auto pinned = os::pin_thread(static_cast<unsigned>(cpu));
}

namespace {

constexpr const char* tracepoint = "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id";

os::UniqueFd count_calls_of(int thread, std::uint64_t event) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.size = sizeof attributes;
  attributes.config = event;
  attributes.inherit = 1;
  return os::UniqueFd(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, thread, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

std::vector<os::UniqueFd> count_calls() {
  std::vector<os::UniqueFd> counters;
  std::uint64_t event = 0;
  if (!(std::ifstream(tracepoint) >> event)) return counters;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    counters.push_back(count_calls_of(std::stoi(entry.path().filename().string()), event));
    if (!counters.back().valid()) return {};
  }
  return counters;
}

std::uint64_t switches() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_nvcsw);
}

}  // namespace

Meter::Meter() : counters_(count_calls()) {
  const auto before = calls();
  static_cast<void>(switches());
  own_ = calls() - before;
}

Counts Meter::read() {
  Counts counts;
  counts.add(Event::switches, switches());
  counts.add(Event::allocations, asked.load(std::memory_order_relaxed));
  if (!counters_.empty()) counts.add(Event::system_calls, calls() - own_ * ++readings_);
  return counts;
}

std::uint64_t Meter::calls() const {
  std::uint64_t sum = 0;
  for (const auto& counter : counters_) {
    std::uint64_t count = 0;
    if (::read(counter.get(), &count, sizeof count) == sizeof count) sum += count;
  }
  return sum;
}

}  // namespace bellwire::bench
