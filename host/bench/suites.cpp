// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/suites.hpp"

#include "host/bench/benchmark.hpp"
#include "host/bench/machine.hpp"
#include "host/cli/options.hpp"
#include "host/output/json_text.hpp"
#include "vdev/log/log.hpp"

namespace bellwire::bench {
namespace {

constexpr AddCases wire_parts[] = {add_wire};
constexpr AddCases kvm_parts[] = {add_doorbells, add_interrupts, add_round_trips};
constexpr AddCases scale_parts[] = {add_more_doorbells, add_more_slots, add_more_drivers};
constexpr AddCases bus_parts[] = {add_lookups};
constexpr AddCases payload_parts[] = {add_payloads};
constexpr AddCases vhost_parts[] = {add_vhost};

std::string plain_eventfds() {
  return "eventfds in one process";
}

std::string both_sides_in_turn() {
  return "both sides on one thread";
}

std::string vhost_user() {
  return "vhost-user, a process for each back-end";
}

std::string model_accelerator() {
  return "model of KVM";
}

constexpr Suite all_suites[] = {
    {"wire", "Round trips and throughput in one process, asleep and polling", plain_eventfds,
     wire_parts, true},
    {"kvm", "Doorbells, interrupts and round trips, by each way that KVM has", kvm_accelerator,
     kvm_parts},
    {"scale", "Round trips among more and more doorbells, slots and drivers", plain_eventfds,
     scale_parts},
    {"bus", "Doorbells on the model of KVM, among 1 to 30,000 of them", model_accelerator,
     bus_parts},
    {"payload", "Echo and digest of 64 bytes to 1 MiB, beside memcpy and the CPU's instruction",
     both_sides_in_turn, payload_parts},
    {"vhost", "A disk over vhost-user, asleep and polling, beside qemu-storage-daemon", vhost_user,
     vhost_parts, true, "qemu-storage-daemon"},
};

Result<void> count(Benchmark& benchmark) {
  Meter meter;
  return benchmark.count([&meter] { return meter.read(); });
}

Result<void> check(const Benchmark& benchmark) {
  const auto missed = missed_limits(benchmark);
  for (const auto& line : missed) log::say(text("limit missed: {}", line));
  if (missed.empty()) return {};
  return fault(std::errc::result_out_of_range, "{} limits are missed", missed.size());
}

}  // namespace

std::span<const Suite> suites() {
  return all_suites;
}

Result<void> run(const Suite& suite, const Options& options) {
  auto json = host::create_file(options.json);
  if (!json) return json.error();
  const auto environment = describe_environment(suite.accelerator());
  pin_thread(environment.guest_cpu);
  Benchmark benchmark(options.skip, suite.baseline);
  for (const auto add : suite.parts)
    if (auto added = add(benchmark, environment); !added) return added;
  if (auto done = benchmark.run(options.rounds); !done) return done;
  if (suite.metered)
    if (auto counted = count(benchmark); !counted) return counted;
  print(environment, benchmark);
  if (auto& file = *json) {
    file->stream() << host::json_text(to_json(suite.name, environment, benchmark)) << '\n';
    if (auto written = file->commit(); !written) return written;
  }
  return options.check ? check(benchmark) : Result<void>();
}

}  // namespace bellwire::bench
