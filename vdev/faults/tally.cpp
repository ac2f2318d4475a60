// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/faults/tally.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>

#include "vdev/log/log.hpp"

namespace bellwire {
namespace {

std::size_t place_of(FaultWire wire) noexcept {
  return static_cast<std::size_t>(wire);
}

// The output function of SplitMix64 (Steele, Lea and Flood, 2014): a bijection that spreads each
// bit over all.
std::uint64_t mix(std::uint64_t value) noexcept {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

FaultTally::FaultTally(FaultPlan plan)
    : plan_(std::move(plan)),
      inventions_(plan_.rules.size()),
      injected_(std::make_unique<std::atomic<std::uint64_t>[]>(plan_.rules.size())) {}

// A pure function, not a generator's state: so neither other wires nor other rules change it.
std::uint64_t FaultTally::random(std::size_t rule, std::uint64_t wire,
                                 std::uint64_t turn) const noexcept {
  return mix(mix(mix(mix(plan_.seed.value_or(1)) ^ rule) ^ wire) ^ turn);
}

std::optional<FaultTally::Fault> FaultTally::arrived(FaultWire wire, unsigned index) {
  auto& turns = of_each_wire_[place_of(wire)];
  if (turns.size() <= index) turns.resize(index + 1);
  const auto turn = ++turns[index];
  const auto number = arrivals_[place_of(wire)].fetch_add(1, std::memory_order_relaxed) + 1;
  for (std::size_t rule = 0; rule < plan_.rules.size(); ++rule) {
    const auto& each = plan_.rules[rule];
    const auto drawn = random(rule, index, turn);
    if (each.wire != wire || !each.hits(number, drawn)) continue;
    const auto more = mix(drawn);
    return Fault{.rule = rule, .number = number, .random = more, .time = each.time(more)};
  }
  return std::nullopt;
}

FaultTally::Fault FaultTally::invent(std::size_t rule) {
  const auto drawn = mix(random(rule, 0, ++inventions_[rule]));
  return {.rule = rule, .number = 0, .random = mix(drawn), .time = plan_.rules[rule].time(drawn)};
}

void FaultTally::injected(std::size_t rule) noexcept {
  injected_[rule].fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t FaultTally::count(std::size_t rule) const noexcept {
  return injected_[rule].load(std::memory_order_relaxed);
}

std::uint64_t FaultTally::arrivals(FaultWire wire) const noexcept {
  return arrivals_[place_of(wire)].load(std::memory_order_relaxed);
}

Result<void> FaultTally::check() const {
  std::string arrived;
  for (const auto wire : {FaultWire::doorbell, FaultWire::interrupt, FaultWire::completion})
    if (plan_.touches(wire))
      arrived +=
          text("{}{} {}s", arrived.empty() ? "" : " and ", arrivals(wire), name_of_wire(wire));
  for (std::size_t rule = 0; rule < plan_.rules.size(); ++rule)
    if (count(rule) > 0) return {};
  const auto action = plan_.rules.front().action;
  const bool alike = std::ranges::all_of(
      plan_.rules, [action](const FaultRule& rule) { return rule.action == action; });
  return fault(std::errc::no_message_available, "nothing was {}: only {} arrived",
               alike ? participle_of(action) : "injected", arrived);
}

std::string FaultTally::report() const {
  std::string counts;
  for (std::size_t rule = 0; rule < plan_.rules.size(); ++rule)
    counts += text("{}{} by '{}'", rule == 0 ? "" : ", ", count(rule), describe(plan_.rules[rule]));
  return counts;
}

void stall_thread(FaultRule::Duration duration) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(duration);
  const timespec time{.tv_sec = seconds.count(), .tv_nsec = (duration - seconds).count()};
  ::nanosleep(&time, nullptr);
}

void crash_process(const FaultTally& tally) {
  log::warning("faults injected: {}; the process is killed now", tally.report());
  log::flush(std::chrono::seconds(1));
  ::kill(::getpid(), SIGKILL);
}

}  // namespace bellwire
