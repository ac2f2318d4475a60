// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/report.hpp"

#include <boost/json.hpp>
#include <iostream>

#include "vdev/os/text.hpp"

namespace bellwire::bench {
namespace {

namespace json = boost::json;

std::string place(int cpu) {
  return cpu < 0 ? "any CPU" : text("CPU {}", cpu);
}

std::string text_of(const Ratio& ratio) {
  return text("{:.2f} (± {:.2f})", ratio.value, ratio.spread / 2);
}

void print(const Row& row) {
  const auto& [p50, p99, exits, times] = row.figures;
  std::cout << text("{:<44} {:>8.0f} {:>8.0f} {:>6.2f}", row.name, p50, p99, exits);
  if (row.bare) {
    const auto& bare = row.bare->figures;
    std::cout << text(" {:>8.0f} {:>8.0f}  {}", bare.p50, bare.p99, text_of(row.bare->ratio));
  }
  std::cout << '\n';
}

json::object to_json(const Figures& figures) {
  return {{"p50_ns", figures.p50},
          {"p99_ns", figures.p99},
          {"exits", figures.exits},
          {"times", figures.times}};
}

json::object to_json(const Row& row) {
  auto object = to_json(row.figures);
  object["name"] = row.name;
  object["bare"] = row.bare ? json::value(to_json(row.bare->figures)) : json::value();
  return object;
}

json::object to_json(const Ratio& ratio) {
  return {{"name", ratio.name}, {"value", ratio.value}, {"spread", ratio.spread}};
}

json::object to_json(const Machine& machine) {
  return {{"accelerator", machine.accelerator},
          {"cpu", machine.cpu},
          {"kernel", machine.kernel},
          {"guest_cpu", machine.guest_cpu},
          {"device_cpu", machine.device_cpu}};
}

}  // namespace

void print(const Machine& machine, const Race& race) {
  std::cout << text("{} on {}, {}; guest on {}, device on {}\n\n", machine.accelerator, machine.cpu,
                    machine.kernel, place(machine.guest_cpu), place(machine.device_cpu));
  std::cout << text("{:<44} {:>8} {:>8} {:>6} {:>8} {:>8}  {}\n", "ns", "p50", "p99", "exits",
                    "bare p50", "p99", "ratio");
  for (const auto& row : race.rows()) print(row);
  std::cout << '\n';
  for (const auto& ratio : race.ratios()) std::cout << text("{}  {}\n", text_of(ratio), ratio.name);
}

json::value to_json(const Machine& machine, const Race& race) {
  json::array rows, ratios;
  for (const auto& row : race.rows()) {
    rows.push_back(to_json(row));
    if (row.bare) ratios.push_back(to_json(row.bare->ratio));
  }
  for (const auto& ratio : race.ratios()) ratios.push_back(to_json(ratio));
  return {{"machine", to_json(machine)}, {"rows", std::move(rows)}, {"ratios", std::move(ratios)}};
}

}  // namespace bellwire::bench
