// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/bench.hpp"

#include <boost/json.hpp>
#include <fstream>
#include <iostream>

#include "host/bench/doorbells.hpp"
#include "host/bench/interrupts.hpp"
#include "host/bench/round_trip.hpp"

namespace bellwire::bench {
namespace {

std::string place(int cpu) {
  return cpu < 0 ? "any CPU" : text("CPU {}", cpu);
}

void print(const Machine& machine, const Race& race) {
  std::cout << text("{} on {}, {}; guest on {}, device on {}\n\n", machine.accelerator, machine.cpu,
                    machine.kernel, place(machine.guest_cpu), place(machine.device_cpu));
  std::cout << text("{:<40} {:>10} {:>10} {:>11}\n", "", "p50 ns", "p99 ns", "exits each");
  for (const auto& row : race.rows())
    std::cout << text("{:<40} {:>10.0f} {:>10.0f} {:>11.2f}\n", row.name, row.p50, row.p99,
                      row.exits);
  std::cout << '\n';
  for (const auto& ratio : race.ratios())
    std::cout << text("{:.2f} (± {:.2f})  {}\n", ratio.value, ratio.spread / 2, ratio.name);
}

boost::json::value to_json(const Machine& machine, const Race& race) {
  boost::json::array rows, ratios;
  for (const auto& row : race.rows())
    rows.push_back({{"name", row.name},
                    {"p50_ns", row.p50},
                    {"p99_ns", row.p99},
                    {"exits", row.exits},
                    {"times", row.times}});
  for (const auto& ratio : race.ratios())
    ratios.push_back({{"name", ratio.name}, {"value", ratio.value}, {"spread", ratio.spread}});
  return {{"machine",
           {{"accelerator", machine.accelerator},
            {"cpu", machine.cpu},
            {"kernel", machine.kernel},
            {"guest_cpu", machine.guest_cpu},
            {"device_cpu", machine.device_cpu}}},
          {"rows", std::move(rows)},
          {"ratios", std::move(ratios)}};
}

// Before anything is measured, so that nothing is measured in vain. An empty path: no file.
Result<std::ofstream> open(const std::string& path) {
  if (path.empty()) return std::ofstream();
  std::ofstream file(path);
  if (!file) return system_fault("cannot write '{}'", path);
  return file;
}

Result<void> write(std::ofstream& file, const std::string& path, const boost::json::value& value) {
  file << value << '\n';
  file.close();
  if (!file) return system_fault("cannot write '{}'", path);
  return {};
}

}  // namespace

Result<void> run_kvm(const Options& options) {
  auto file = open(options.json);
  if (!file) return file.error();
  const auto machine = describe_machine();
  pin_thread(machine.guest_cpu);
  const auto ns_per_tick = measure_ns_per_tick();
  Race race;
  if (auto entered = enter_doorbells(race, ns_per_tick); !entered) return entered;
  if (auto entered = enter_interrupts(race, ns_per_tick); !entered) return entered;
  if (auto entered = enter_round_trips(race, machine, ns_per_tick); !entered) return entered;
  if (auto done = race.run(options.rounds); !done) return done;
  print(machine, race);
  return options.json.empty() ? Result<void>() : write(*file, options.json, to_json(machine, race));
}

}  // namespace bellwire::bench
