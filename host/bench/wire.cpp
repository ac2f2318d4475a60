// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/wire.hpp"

#include <memory>
#include <optional>

#include "host/bench/device_host.hpp"
#include "host/bench/rack.hpp"
#include "host/bench/wire_driver.hpp"
#include "vdev/devices/echo.hpp"

namespace bellwire::bench {
using namespace std::chrono_literals;
namespace {

enum class Cpus { one, two };

struct WireRow {
  const char* name;
  Cpus cpus;
  Polling polling;
  bare_load load;
  Race::Limit over_bare;
  std::chrono::microseconds moderate{};
};

constexpr bare_load one_at_a_time{.looks = 500, .batch = 1, .depth = 1, .bytes = 64, .shown = 1};
constexpr bare_load many_at_once{.looks = 40, .batch = 500, .depth = 64, .bytes = 0, .shown = 1};
constexpr bare_load in_batches{.looks = 40, .batch = 500, .depth = 64, .bytes = 0, .shown = 16};

constexpr WireRow wire_rows[] = {
    {"round trip, asleep, one CPU", Cpus::one, Polling::off, one_at_a_time, 1.05},
    {"round trip, asleep", Cpus::two, Polling::off, one_at_a_time, {}},
    {"round trip, polling", Cpus::two, Polling::adaptive, one_at_a_time, 2.0},
    {"ring, depth 64, polling", Cpus::two, Polling::adaptive, many_at_once, 1.5},
    {"ring, depth 64, asleep", Cpus::two, Polling::off, many_at_once, {}},
    {"ring, depth 64, asleep, moderated to 50 us", Cpus::two, Polling::off, many_at_once, {}, 50us},
    {"ring, depth 64, polling, bare in batches", Cpus::two, Polling::adaptive, in_batches, {}},
};
constexpr auto& sleeping_trip = wire_rows[1];
constexpr auto& polling_trip = wire_rows[2];
constexpr auto& deep_ring = wire_rows[3];
constexpr auto& sleeping_ring = wire_rows[4];
constexpr auto& moderated_ring = wire_rows[5];

constexpr double polling_over_asleep = 0.1;
constexpr double rings_a_request = 1.0 / 32;

// An echo on its own thread, and its driver on the caller's.
struct Pair {
  static Result<std::shared_ptr<Pair>> create(int device_cpu, const WireRow& row) {
    auto plugs = create_plugs();
    if (!plugs) return plugs.error();
    auto pair = std::make_shared<Pair>();
    if (auto added = pair->host.add(std::make_unique<Echo>(), std::move(plugs->device), row.polling,
                                    row.moderate);
        !added)
      return added.error();
    pair->host.start(device_cpu);
    auto driver = WireDriver::create(std::move(plugs->driver), row.polling);
    if (!driver) return driver.error();
    pair->driver.emplace(std::move(*driver));
    return pair;
  }

  Result<void> run(const bare_load& load, double ns_per_tick, Samples& samples) {
    return driver->run(load, ns_per_tick, samples);
  }

  DeviceHost host;
  std::optional<WireDriver> driver;
};

struct BarePair {
  static Result<std::shared_ptr<BarePair>> create(int far_cpu, const WireRow& row) {
    const bool spins = row.polling != Polling::off;
    const std::shared_ptr<bare_pair> pair(bare_pair_create(far_cpu, spins), bare_pair_destroy);
    if (!pair) return system_fault("cannot make the bare pair of '{}'", row.name);
    return std::make_shared<BarePair>(BarePair{pair, std::vector<std::uint64_t>(row.load.looks)});
  }

  Result<void> run(const bare_load& load, double ns_per_tick, Samples& samples) {
    if (bare_pair_run(pair.get(), &load, ticks.data()) != 0)
      return system_fault("the bare pair failed");
    for (const auto each : ticks)
      samples.ns.push_back(static_cast<double>(each) * ns_per_tick / load.batch);
    samples.times += std::uint64_t{load.looks} * load.batch;
    return {};
  }

  std::shared_ptr<bare_pair> pair;
  std::vector<std::uint64_t> ticks;  // one a look
};

Result<void> enter_row(Race& race, const WireRow& row, const Machine& machine) {
  const int cpu = row.cpus == Cpus::one ? machine.guest_cpu : machine.device_cpu;
  const auto ours = Pair::create(cpu, row);
  if (!ours) return ours.error();
  const auto bare = BarePair::create(cpu, row);
  if (!bare) return bare.error();
  const auto by = [&row, ns = machine.ns_per_tick](auto runner) {
    return [=, &row](Samples& samples) { return runner->run(row.load, ns, samples); };
  };
  race.enter(row.name, by(*ours), by(*bare), row.over_bare);
  race.bound(row.name, Event::allocations, 0);
  return {};
}

// Without a ring, so that it shows what that adds; against eventfds alone.
Result<void> enter_alone(Race& race, const Machine& machine, bool blocking) {
  const auto rack = Rack::create(1, machine.guest_cpu);
  if (!rack) return rack.error();
  const auto bare = BareRack::create(1, machine.guest_cpu, blocking);
  if (!bare) return bare.error();
  const auto by = [ns = machine.ns_per_tick](auto who) {
    return [=](Samples& samples) { return who->sample(Order::the_same, ns, samples); };
  };
  race.enter(text("doorbell, interrupt; bare: {}", blocking ? "read" : "epoll"), by(*rack),
             by(*bare));
  return {};
}

}  // namespace

std::string plain_eventfds() {
  return "eventfds in one process";
}

Result<void> enter_wire(Race& race, const Machine& machine) {
  if (machine.device_cpu < 0)
    return fault(std::errc::operation_not_supported,
                 "the suite 'wire' needs two CPUs, and there is one for it (taskset -cp $$ tells)");
  for (const bool blocking : {false, true})
    if (auto entered = enter_alone(race, machine, blocking); !entered) return entered;
  for (const auto& row : wire_rows)
    if (auto entered = enter_row(race, row, machine); !entered) return entered;
  race.compare(polling_trip.name, sleeping_trip.name, polling_over_asleep);
  race.compare(moderated_ring.name, sleeping_ring.name);
  race.bound(deep_ring.name, Event::doorbells, rings_a_request);
  race.bound(deep_ring.name, Event::interrupts, rings_a_request);
  return {};
}

}  // namespace bellwire::bench
