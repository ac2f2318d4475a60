// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/environment.hpp"

#include <sched.h>

#include <chrono>
#include <filesystem>
#include <thread>
#include <vector>

#include "host/cli/system.hpp"
#include "vdev/os/cpu.hpp"
#include "vdev/os/text.hpp"

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

}  // namespace bellwire::bench
