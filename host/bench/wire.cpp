// SPDX-License-Identifier: BSD-3-Clause
//
// The suite `wire`: what the wires cost where there is nothing else. An echo device and its driver
// are in one process, with plain eventfds between them; beside bare C (bare_pair) that moves
// entries of the same size, checks nothing, and sleeps or spins as they do. Polling is adaptive;
// driver and device have a CPU each, unless the row says otherwise. A device publishes completions
// in batches: the ring is held against bare C that publishes each entry at once, as a plain ring
// does, and against bare C in batches.
#include <memory>
#include <optional>

#include "host/bench/suites.hpp"
#include "host/bench/wire_ends.hpp"
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
  Benchmark::Limit over_bare;
  std::chrono::microseconds moderate{};
};

constexpr bare_load one_at_a_time{
    .batches = 500, .batch = 1, .depth = 1, .bytes = 64, .published = 1};
constexpr bare_load many_at_once{
    .batches = 40, .batch = 500, .depth = 64, .bytes = 0, .published = 1};
constexpr bare_load in_batches{
    .batches = 40, .batch = 500, .depth = 64, .bytes = 0, .published = 16};

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
constexpr double rings_per_request = 1.0 / 32;

// An echo on its own thread, and its driver on the caller's.
struct EchoPair {
  static Result<std::shared_ptr<EchoPair>> create(int device_cpu, const WireRow& row) {
    auto wires = create_wire_pair();
    if (!wires) return wires.error();
    auto pair = std::make_shared<EchoPair>();
    if (auto added = pair->host.add(std::make_unique<Echo>(), std::move(wires->device), row.polling,
                                    row.moderate);
        !added)
      return added.error();
    pair->host.start(device_cpu);
    auto driver = WireDriver::create(std::move(wires->driver), row.polling);
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
    return std::make_shared<BarePair>(BarePair{pair, std::vector<std::uint64_t>(row.load.batches)});
  }

  Result<void> run(const bare_load& load, double ns_per_tick, Samples& samples) {
    if (bare_pair_run(pair.get(), &load, ticks.data()) != 0)
      return system_fault("the bare pair failed");
    for (const auto each : ticks)
      samples.ns.push_back(static_cast<double>(each) * ns_per_tick / load.batch);
    samples.times += std::uint64_t{load.batches} * load.batch;
    return {};
  }

  std::shared_ptr<bare_pair> pair;
  std::vector<std::uint64_t> ticks;  // one per batch
};

Result<void> add_row(Benchmark& benchmark, const WireRow& row, const Environment& environment) {
  const int cpu = row.cpus == Cpus::one ? environment.guest_cpu : environment.device_cpu;
  const auto ours = EchoPair::create(cpu, row);
  if (!ours) return ours.error();
  const auto bare = BarePair::create(cpu, row);
  if (!bare) return bare.error();
  const auto by = [&row, ns = environment.ns_per_tick](auto subject) {
    return [=, &row](Samples& samples) { return subject->run(row.load, ns, samples); };
  };
  benchmark.add(row.name, by(*ours), by(*bare), row.over_bare);
  benchmark.bound(row.name, Event::allocations, 0);
  return {};
}

// Without a ring, so that it shows what that adds; against eventfds alone.
Result<void> add_alone(Benchmark& benchmark, const Environment& environment, bool blocking) {
  const auto ping_pong = PingPong::create(1, environment.guest_cpu);
  if (!ping_pong) return ping_pong.error();
  const auto bare = BarePingPong::create(1, environment.guest_cpu, blocking);
  if (!bare) return bare.error();
  const auto by = [ns = environment.ns_per_tick](auto subject) {
    return [=](Samples& samples) { return subject->sample(Order::the_same, ns, samples); };
  };
  benchmark.add(text("doorbell, interrupt; bare: {}", blocking ? "read" : "epoll"), by(*ping_pong),
                by(*bare));
  return {};
}

}  // namespace

Result<void> add_wire(Benchmark& benchmark, const Environment& environment) {
  if (environment.device_cpu < 0)
    return fault(std::errc::operation_not_supported,
                 "the suite 'wire' needs two CPUs, and it may use one (see taskset -cp $$)");
  for (const bool blocking : {false, true})
    if (auto added = add_alone(benchmark, environment, blocking); !added) return added;
  for (const auto& row : wire_rows)
    if (auto added = add_row(benchmark, row, environment); !added) return added;
  benchmark.compare(polling_trip.name, sleeping_trip.name, polling_over_asleep);
  benchmark.compare(moderated_ring.name, sleeping_ring.name);
  benchmark.bound(deep_ring.name, Event::doorbells, rings_per_request);
  benchmark.bound(deep_ring.name, Event::interrupts, rings_per_request);
  return {};
}

}  // namespace bellwire::bench
