// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/benchmark.hpp"

#include <algorithm>
#include <ctime>

#include "vdev/core/statistics.hpp"

namespace bellwire::bench {
namespace {

Ratio ratio_of(std::string name, std::vector<double> values, Benchmark::Limit limit) {
  const auto summary = summarize(std::move(values));
  return {.name = std::move(name),
          .value = summary.p50,
          .low = summary.p25,
          .high = summary.p75,
          .limit = limit};
}

// All threads of this process, so far.
std::uint64_t cpu_ns() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(used.tv_nsec);
}

}  // namespace

Counts since(const Counts& before, const Counts& now) {
  Counts added;
  for (const auto event : events)
    if (now[event]) added[event] = *now[event] - before[event].value_or(0);
  return added;
}

bool Benchmark::skips(const std::string& name) const {
  return !skip_.empty() && name.find(skip_) != std::string::npos;
}

void Benchmark::add(std::string name, Sample sample, std::optional<Sample> bare, Limit limit) {
  if (skips(name)) return;
  auto& added = cases_.emplace_back(Case{std::move(name), {std::move(sample)}, {}, limit});
  if (bare) added.bare = Subject{std::move(*bare)};
}

void Benchmark::compare(const std::string& name, const std::string& over, Limit limit) {
  if (!skips(name) && !skips(over)) comparisons_.push_back({name, over, limit});
}

void Benchmark::plot(const std::string& name, std::string series, double at) {
  if (!skips(name)) find(name).point = {std::move(series), at};
}

void Benchmark::compare_event(const std::string& name, Event event, Limit limit) {
  if (!skips(name)) compared_events_.push_back({name, event, limit});
}

void Benchmark::bound(const std::string& name, Event event, double limit) {
  if (!skips(name)) bounds_.push_back({name, event, limit});
}

Result<void> Benchmark::run(unsigned rounds) {
  if (cases_.empty())
    return fault(std::errc::invalid_argument, "nothing is left to measure without '{}'", skip_);
  auto order = subjects();
  rounds_ = rounds;
  for (unsigned round = 0; round < rounds; ++round) {
    for (auto* subject : order)
      if (auto taken = subject->take_round(); !taken) return taken;
    std::ranges::reverse(order);
  }
  return {};
}

Result<void> Benchmark::count(const std::function<Counts()>& read) {
  for (auto* subject : subjects())
    if (auto taken = subject->count_round(read); !taken) return taken;
  return {};
}

std::vector<Benchmark::Subject*> Benchmark::subjects() {
  std::vector<Subject*> all;
  for (auto& each : cases_) {
    all.push_back(&each.ours);
    if (each.bare) all.push_back(&*each.bare);
  }
  return all;
}

Result<void> Benchmark::Subject::take_round() {
  auto& round = rounds.emplace_back();
  const auto before = cpu_ns();
  auto taken = sample(round);
  round.counts.add(Event::cpu_ns, cpu_ns() - before);
  return taken;
}

// With room for the times, so that none of the allocations is the benchmark's own. A pool that
// meets more at once than ever before grows, once: what allocates again and again does so in each
// round.
Result<void> Benchmark::Subject::count_round(const std::function<Counts()>& read) {
  constexpr int most_rounds = 3;
  for (int round = 0; round < most_rounds; ++round) {
    counted.emplace().ns.reserve(rounds.back().ns.size());
    const auto before = read();
    if (auto taken = sample(*counted); !taken) return taken;
    counted->counts = since(before, read());
    if (counted->counts[Event::allocations].value_or(0) == 0) break;
  }
  return {};
}

Measured Benchmark::Subject::measured() const {
  Measured measured{};
  std::vector<double> all;
  for (const auto& round : rounds) {
    all.insert(all.end(), round.ns.begin(), round.ns.end());
    measured.times += round.times;
  }
  const auto summary = summarize(std::move(all));
  measured.p50 = summary.p50;
  measured.p99 = summary.p99;
  for (const auto event : events)
    if (auto values = each_time(event); !values.empty())
      measured.each_time[event] = median(std::move(values));
  return measured;
}

std::vector<double> Benchmark::Subject::each_time(Event event) const {
  std::vector<double> values;
  const auto note = [&](const Samples& round) {
    if (const auto& count = round.counts[event])
      values.push_back(static_cast<double>(*count) / static_cast<double>(round.times));
  };
  std::ranges::for_each(rounds, note);
  if (counted) note(*counted);
  return values;
}

Ratio Benchmark::Subject::over(const Subject& other, std::string name, Limit limit) const {
  std::vector<double> values;
  for (std::size_t round = 0; round < rounds.size(); ++round)
    values.push_back(median(rounds[round].ns) / median(other.rounds[round].ns));
  return ratio_of(std::move(name), std::move(values), limit);
}

// Without the round that is not timed.
Ratio Benchmark::Subject::over(const Subject& other, Event event, std::string name,
                               Limit limit) const {
  const auto ours = each_time(event);
  const auto theirs = other.each_time(event);
  std::vector<double> values;
  for (std::size_t round = 0; round < rounds.size(); ++round)
    values.push_back(ours[round] / theirs[round]);
  return ratio_of(std::move(name), std::move(values), limit);
}

Row Benchmark::Case::row(const std::string& baseline) const {
  Row row{name, ours.measured(), {}, point};
  if (bare) row.bare = Baseline{bare->measured(), ours.over(*bare, name + " / " + baseline, limit)};
  return row;
}

std::vector<Row> Benchmark::rows() const {
  std::vector<Row> rows;
  for (const auto& each : cases_) rows.push_back(each.row(baseline_));
  return rows;
}

Ratio Benchmark::ratio(const ComparedCases& comparison) const {
  const auto& [name, over, limit] = comparison;
  return find(name).ours.over(find(over).ours, name + " / " + over, limit);
}

Ratio Benchmark::ratio(const EventLimit& bound) const {
  return ratio_of(text("{}: {} each time", bound.name, name_of(bound.event)),
                  find(bound.name).ours.each_time(bound.event), bound.limit);
}

Ratio Benchmark::ratio(const ComparedEvents& comparison) const {
  const auto& [name, event, limit] = comparison;
  const auto& found = find(name);
  return found.ours.over(*found.bare, event, text("{}: {} / {}", name, name_of(event), baseline_),
                         limit);
}

std::vector<Ratio> Benchmark::ratios() const {
  std::vector<Ratio> ratios;
  for (const auto& comparison : comparisons_) ratios.push_back(ratio(comparison));
  for (const auto& comparison : compared_events_) ratios.push_back(ratio(comparison));
  for (const auto& bound : bounds_) ratios.push_back(ratio(bound));
  return ratios;
}

std::vector<Ratio> Benchmark::all_ratios() const {
  std::vector<Ratio> all;
  for (auto& row : rows())
    if (row.bare) all.push_back(std::move(row.bare->ratio));
  std::ranges::move(ratios(), std::back_inserter(all));
  return all;
}

const Benchmark::Case& Benchmark::find(const std::string& name) const {
  return *std::ranges::find(cases_, name, &Case::name);
}
Benchmark::Case& Benchmark::find(const std::string& name) {
  return *std::ranges::find(cases_, name, &Case::name);
}

}  // namespace bellwire::bench
