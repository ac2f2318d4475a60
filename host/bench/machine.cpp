// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/machine.hpp"

#include <sched.h>
#include <sys/utsname.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "vdev/os/cpu.hpp"
#include "vdev/os/text.hpp"
#include "vdev/os/ticks.hpp"

namespace bellwire::bench {
namespace {

constexpr std::chrono::milliseconds look{50};

std::vector<int> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(": ") + 2);
  return "unknown";
}

std::string kernel_release() {
  utsname names{};
  ::uname(&names);
  return text("{} {}", names.sysname, names.release);
}

double ns_per_tick() {
  const os::Ticks ticks;
  std::this_thread::sleep_for(look);
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

Machine describe_machine(std::string accelerator) {
  Machine machine{.accelerator = std::move(accelerator),
                  .cpu = cpu_name(),
                  .kernel = kernel_release(),
                  .ns_per_tick = ns_per_tick()};
  const auto cpus = usable_cpus();
  if (cpus.size() >= 2) {
    machine.guest_cpu = cpus[0];
    machine.device_cpu = cpus[1];
  }
  return machine;
}

void pin_thread(int cpu) noexcept {
  if (cpu >= 0) [[maybe_unused]]
    const auto pinned = os::pin_thread(static_cast<unsigned>(cpu));
}

}  // namespace bellwire::bench
