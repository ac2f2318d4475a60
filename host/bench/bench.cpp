// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/bench.hpp"

#include <optional>

#include "host/bench/doorbells.hpp"
#include "host/bench/interrupts.hpp"
#include "host/bench/lookups.hpp"
#include "host/bench/meter.hpp"
#include "host/bench/report.hpp"
#include "host/bench/round_trip.hpp"
#include "host/bench/scale.hpp"
#include "host/bench/wire.hpp"
#include "host/output/json_text.hpp"
#include "host/output/output_file.hpp"
#include "vdev/log/log.hpp"

namespace bellwire::bench {
namespace {

constexpr Enter wire_parts[] = {enter_wire};
constexpr Enter kvm_parts[] = {enter_doorbells, enter_interrupts, enter_round_trips};
constexpr Enter scale_parts[] = {enter_more_doorbells, enter_more_slots, enter_more_drivers};
constexpr Enter bus_parts[] = {enter_lookups};

std::string model_accelerator() {
  return "model of KVM";
}

constexpr Suite all_suites[] = {
    {"wire", "Round trips and throughput in one process, asleep and polling", plain_eventfds,
     wire_parts, true},
    {"kvm", "Doorbells, interrupts and round trips by each way that KVM has", kvm_accelerator,
     kvm_parts},
    {"scale", "Round trips among more and more doorbells, slots and drivers", plain_eventfds,
     scale_parts},
    {"bus", "Doorbells on the model of KVM, among 1 to 30,000 of them", model_accelerator,
     bus_parts},
};

using File = std::optional<host::OutputFile>;

// Before anything is measured, so that nothing is measured in vain.
Result<File> create(const std::optional<std::string>& path) {
  if (!path) return File();
  auto file = host::OutputFile::create(*path);
  if (!file) return file.error();
  return File(std::move(*file));
}

Result<void> count(Race& race) {
  Meter meter;
  return race.count([&meter] { return meter.read(); });
}

}  // namespace

std::span<const Suite> suites() {
  return all_suites;
}

namespace {

// ERANGE: a limit is missed; the log names each.
Result<void> check(const Race& race) {
  const auto missed = missed_limits(race);
  for (const auto& line : missed) log::say(text("limit missed: {}", line));
  if (missed.empty()) return {};
  return fault(std::errc::result_out_of_range, "{} limits are missed", missed.size());
}

}  // namespace

Result<void> run(const Suite& suite, const Options& options) {
  auto file = create(options.json);
  if (!file) return file.error();
  const auto machine = describe_machine(suite.accelerator());
  pin_thread(machine.guest_cpu);
  Race race(options.skip);
  for (const auto enter : suite.parts)
    if (auto entered = enter(race, machine); !entered) return entered;
  if (auto done = race.run(options.rounds); !done) return done;
  if (suite.metered)
    if (auto counted = count(race); !counted) return counted;
  print(machine, race);
  if (auto& json = *file) {
    json->stream() << host::json_text(to_json(suite.name, machine, race)) << '\n';
    if (auto written = json->commit(); !written) return written;
  }
  return options.check ? check(race) : Result<void>();
}

}  // namespace bellwire::bench
