// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/faults/tally.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "vdev/core/timestamp.hpp"

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
      slots_(std::make_unique<Slot[]>(plan_.rules.size() + most_given)),
      used_(plan_.rules.size()),
      inventions_(plan_.rules.size()) {
  for (std::size_t rule = 0; rule < plan_.rules.size(); ++rule) {
    slots_[rule].rule = plan_.rules[rule];
    arm(slots_[rule]);
  }
}

bool FaultTally::touches(FaultWire wire) const noexcept {
  return plan_.touches(wire) || std::ranges::find(given_wires_, wire) != given_wires_.end();
}

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
  std::optional<Fault> chosen;
  for (std::size_t rule = 0; rule < rules(); ++rule) {  // each counts, whichever has it
    auto& slot = slots_[rule];
    const bool other = slot.rule.wire != wire || slot.only.value_or(index) != index;
    if (other || !slot.armed.load(std::memory_order_acquire)) continue;
    const auto nth = slot.seen.fetch_add(1, std::memory_order_relaxed) + 1;
    const auto drawn = random(rule, index, turn);
    if (chosen || !slot.rule.hits(nth, drawn)) continue;
    const auto more = mix(drawn);
    chosen = {.rule = rule, .number = number, .random = more, .time = slot.rule.time(more)};
  }
  return chosen;
}

FaultTally::Fault FaultTally::invent(std::size_t rule) {
  const auto drawn = mix(random(rule, 0, ++inventions_[rule]));
  return {.rule = rule, .number = 0, .random = mix(drawn), .time = plan_.rules[rule].time(drawn)};
}

void FaultTally::injected(const Fault& fault, unsigned wire,
                          std::optional<FaultVictim> victim) noexcept {
  auto& slot = slots_[fault.rule];
  const std::lock_guard lock(mutex_);
  if (moments_ && moments_->kept.size() == most_moments)
    ++moments_->lost;
  else if (moments_)
    moments_->kept.push_back({timestamp(), fault.rule, fault.number, wire, victim});
  slot.last_wire = wire;
  slot.victim = victim;
  if (slot.given && slot.rule.chooses == FaultRule::Chooses::nth) slot.armed = false;
  slot.injected.fetch_add(1, std::memory_order_relaxed);
}

void FaultTally::keep_moments() noexcept {
  const std::lock_guard lock(mutex_);
  moments_.emplace();
}

FaultMoments FaultTally::take_moments() noexcept {
  const std::lock_guard lock(mutex_);
  return std::exchange(moments_, std::nullopt).value_or(FaultMoments());
}

std::uint64_t FaultTally::count(std::size_t rule) const noexcept {
  return slots_[rule].injected.load(std::memory_order_relaxed);
}

// What is given while the device runs

Result<void> FaultTally::check_given(const FaultPlan& plan) const {
  const auto refuse = [](std::string_view what, std::string_view why) {
    return fault(std::errc::invalid_argument, "{}: {}", what, why);
  };
  if (!is_open())
    return fault(std::errc::operation_not_permitted,
                 "this device takes no faults while it runs: start it with --allow-faults");
  if (plan.seed) return refuse("seed", "it is chosen when the device begins");
  if (plan.empty()) return refuse("there is no rule", "add one such as drop interrupt 1");
  for (const auto& rule : plan.rules) {
    if (rule.action == FaultAction::invent)
      return refuse(describe(rule), "invent is given when the device begins, by --fault");
    if (std::ranges::find(given_wires_, rule.wire) == given_wires_.end())
      return refuse(describe(rule), text("of this device, while it runs, choose {}s",
                                         name_of_wire(given_wires_.front())));
  }
  return {};
}

FaultTally::Slot* FaultTally::find_given(const FaultRule& rule,
                                         std::optional<unsigned> only) noexcept {
  const std::span all(slots_.get(), rules());
  const auto found = std::ranges::find_if(
      all, [&](const Slot& slot) { return slot.given && slot.rule == rule && slot.only == only; });
  return found == all.end() ? nullptr : &*found;
}

void FaultTally::arm(Slot& slot) noexcept {
  slot.seen = 0;
  slot.armed.store(true, std::memory_order_release);
}

Result<void> FaultTally::give(const FaultPlan& plan, std::optional<unsigned> only) {
  if (auto good = check_given(plan); !good) return good;
  const std::lock_guard lock(mutex_);
  const auto room = plan_.rules.size() + most_given - rules();
  const auto unknown = std::ranges::count_if(
      plan.rules, [&](const FaultRule& rule) { return find_given(rule, only) == nullptr; });
  if (static_cast<std::size_t>(unknown) > room)
    return fault(std::errc::no_space_on_device,
                 "{} different rules were given already, which is the most: give one of them again",
                 most_given);
  for (const auto& rule : plan.rules) {
    auto* slot = find_given(rule, only);
    if (slot == nullptr) {
      slot = &slots_[rules()];
      slot->rule = rule;
      slot->only = only;
      slot->given = true;
      used_.fetch_add(1, std::memory_order_release);
    }
    arm(*slot);
  }
  return {};
}

void FaultTally::end_given() noexcept {
  for (auto& slot : std::span(slots_.get(), rules()))
    if (slot.given) slot.armed = false;
}

FaultTally::Told FaultTally::told(std::size_t rule) const {
  const auto& slot = slots_[rule];
  const std::lock_guard lock(mutex_);
  return {.words = describe(slot.rule) + (slot.only ? text(" on queue {}", *slot.only) : ""),
          .times = count(rule),
          .given = slot.given,
          .armed = slot.armed,
          .last_wire = slot.last_wire,
          .victim = slot.victim};
}

std::uint64_t FaultTally::arrivals(FaultWire wire) const noexcept {
  return arrivals_[place_of(wire)].load(std::memory_order_relaxed);
}

void FaultTally::stall(FaultRule::Duration time) const noexcept {
  stall_thread(time, stall_end_);
}

Result<void> FaultTally::check() const {
  std::string arrived;
  for (const auto wire : {FaultWire::doorbell, FaultWire::interrupt, FaultWire::completion})
    if (plan_.touches(wire))
      arrived +=
          text("{}{} {}s", arrived.empty() ? "" : " and ", arrivals(wire), name_of_wire(wire));
  if (plan_.empty()) return {};
  for (std::size_t rule = 0; rule < rules(); ++rule)
    if (count(rule) > 0) return {};
  const auto action = plan_.rules.front().action;
  const bool alike = std::ranges::all_of(
      plan_.rules, [action](const FaultRule& rule) { return rule.action == action; });
  return fault(std::errc::no_message_available, "nothing was {}: only {} arrived",
               alike ? participle_of(action) : "injected", arrived);
}

std::string FaultTally::report() const {
  std::string counts;
  for (std::size_t rule = 0; rule < rules(); ++rule)
    counts += text("{}{} by '{}'", rule == 0 ? "" : ", ", count(rule), told(rule).words);
  return counts;
}

}  // namespace bellwire
