// SPDX-License-Identifier: BSD-3-Clause
#include <x86intrin.h>

#include <barrier>
#include <list>

#include "host/bench/device_host.hpp"
#include "host/bench/scale.hpp"
#include "vdev/devices/echo.hpp"

namespace bellwire::bench {
namespace {

constexpr unsigned driver_counts[] = {1, 2, 4, 8};
constexpr bare_load drivers_load{.looks = 10, .batch = 500, .depth = 16, .bytes = 64, .shown = 1};

// Drivers on threads of their own, each with an echo of its own; those are on one thread. All
// drivers share a CPU, the devices have the other.
class Crowd {
 public:
  static Result<std::shared_ptr<Crowd>> create(unsigned drivers, int device_cpu) {
    auto crowd = std::make_shared<Crowd>();
    std::vector<WireEnd> ends;
    for (unsigned index = 0; index < drivers; ++index) {
      auto plugs = create_plugs();
      if (!plugs) return plugs.error();
      auto added = crowd->host_.add(std::make_unique<Echo>(), std::move(plugs->device));
      if (!added) return added.error();
      ends.push_back(std::move(plugs->driver));
    }
    crowd->host_.start(device_cpu);
    for (auto& end : ends) {
      auto driver = WireDriver::create(std::move(end), Polling::off);
      if (!driver) return driver.error();
      crowd->drivers_.push_back(std::move(*driver));
    }
    return crowd;
  }

  // The time of all, divided by the requests of all.
  Result<void> sample(double ns_per_tick, Samples& samples) {
    std::vector<Result<void>> ends(drivers_.size());
    const auto before = __rdtsc();
    {
      std::vector<std::jthread> threads;
      for (std::size_t index = 0; index < drivers_.size(); ++index)
        threads.emplace_back([&, index] { ends[index] = work(drivers_[index], ns_per_tick); });
    }
    const auto ns = static_cast<double>(__rdtsc() - before) * ns_per_tick;
    for (const auto& end : ends)
      if (!end) return end;
    const auto requests = drivers_.size() * drivers_load.looks * drivers_load.batch;
    samples.ns.push_back(ns / static_cast<double>(requests));
    samples.times += requests;
    return {};
  }

 private:
  static Result<void> work(WireDriver& driver, double ns_per_tick) {
    Samples own;
    return driver.run(drivers_load, ns_per_tick, own);
  }

  DeviceHost host_;
  std::vector<WireDriver> drivers_;
};

std::string name_of_drivers(unsigned drivers) {
  return text("a request, {} drivers at once", drivers);
}

}  // namespace

Result<void> enter_more_drivers(Race& race, const Machine& machine) {
  for (const auto count : driver_counts) {
    const auto crowd = Crowd::create(count, machine.device_cpu);
    if (!crowd) return crowd.error();
    race.enter(name_of_drivers(count), [all = *crowd, ns = machine.ns_per_tick](Samples& samples) {
      return all->sample(ns, samples);
    });
    race.plot(name_of_drivers(count), "a request, N drivers at once", count);
  }
  race.compare(name_of_drivers(driver_counts[3]), name_of_drivers(driver_counts[0]));
  return {};
}

}  // namespace bellwire::bench
