// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/race.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>

namespace bellwire::bench {
namespace {

// Of what is not empty; `part` from 0 to 1. Between two values it is as far as `part` is, which
// Python's statistics.quantiles calls inclusive.
double quantile(std::vector<double> values, double part) {
  const double place = part * static_cast<double>(values.size() - 1);
  const auto low = values.begin() + static_cast<std::ptrdiff_t>(place);
  std::nth_element(values.begin(), low, values.end());
  const auto high = std::min_element(low + 1, values.end());
  return high == values.end() ? *low : std::lerp(*low, *high, place - std::floor(place));
}

Ratio ratio_of(std::string name, const std::vector<double>& values, Race::Limit limit) {
  return {.name = std::move(name),
          .value = quantile(values, 0.5),
          .spread = {quantile(values, 0.25), quantile(values, 0.75)},
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

bool Race::skips(const std::string& name) const {
  return !skip_.empty() && name.find(skip_) != std::string::npos;
}

void Race::enter(std::string name, Sample sample, std::optional<Sample> bare, Limit limit) {
  if (skips(name)) return;
  auto& contender =
      contenders_.emplace_back(Contender{std::move(name), {std::move(sample)}, {}, limit});
  if (bare) contender.bare = Runner{std::move(*bare)};
}

void Race::compare(const std::string& name, const std::string& over, Limit limit) {
  if (!skips(name) && !skips(over)) comparisons_.push_back({name, over, limit});
}

void Race::plot(const std::string& name, std::string series, double at) {
  if (!skips(name)) find(name).point = {std::move(series), at};
}

void Race::bound(const std::string& name, Event event, double limit) {
  if (!skips(name)) bounds_.push_back({name, event, limit});
}

Result<void> Race::run(unsigned rounds) {
  if (contenders_.empty())
    return fault(std::errc::invalid_argument, "nothing to measure is without '{}'", skip_);
  auto runners = line_up();
  rounds_ = rounds;
  for (unsigned round = 0; round < rounds; ++round) {
    for (auto* runner : runners)
      if (auto taken = runner->take_turn(); !taken) return taken;
    std::ranges::reverse(runners);
  }
  return {};
}

Result<void> Race::count(const std::function<Counts()>& read) {
  for (auto* runner : line_up())
    if (auto taken = runner->count_turn(read); !taken) return taken;
  return {};
}

std::vector<Race::Runner*> Race::line_up() {
  std::vector<Runner*> runners;
  for (auto& contender : contenders_) {
    runners.push_back(&contender.ours);
    if (contender.bare) runners.push_back(&*contender.bare);
  }
  return runners;
}

Result<void> Race::Runner::take_turn() {
  auto& turn = turns.emplace_back();
  const auto before = cpu_ns();
  auto taken = sample(turn);
  turn.counts.add(Event::cpu_ns, cpu_ns() - before);
  return taken;
}

// With room for the times, so that none of the allocations is the bench's own.
Result<void> Race::Runner::count_turn(const std::function<Counts()>& read) {
  counted.emplace().ns.reserve(turns.back().ns.size());
  const auto before = read();
  auto taken = sample(*counted);
  counted->counts = since(before, read());
  return taken;
}

Figures Race::Runner::figures() const {
  Figures figures{};
  std::vector<double> all;
  for (const auto& turn : turns) {
    all.insert(all.end(), turn.ns.begin(), turn.ns.end());
    figures.times += turn.times;
  }
  figures.p50 = quantile(all, 0.5);
  figures.p99 = quantile(all, 0.99);
  for (const auto event : events)
    if (const auto values = each_time(event); !values.empty())
      figures.each_time[event] = quantile(values, 0.5);
  return figures;
}

std::vector<double> Race::Runner::each_time(Event event) const {
  std::vector<double> values;
  const auto note = [&](const Samples& turn) {
    if (const auto& count = turn.counts[event])
      values.push_back(static_cast<double>(*count) / static_cast<double>(turn.times));
  };
  std::ranges::for_each(turns, note);
  if (counted) note(*counted);
  return values;
}

Ratio Race::Runner::over(const Runner& other, std::string name, Limit limit) const {
  std::vector<double> values;
  for (std::size_t turn = 0; turn < turns.size(); ++turn)
    values.push_back(quantile(turns[turn].ns, 0.5) / quantile(other.turns[turn].ns, 0.5));
  return ratio_of(std::move(name), values, limit);
}

Row Race::Contender::row() const {
  Row row{name, ours.figures(), {}, point};
  if (bare) row.bare = Yardstick{bare->figures(), ours.over(*bare, name + " / bare C", limit)};
  return row;
}

std::vector<Row> Race::rows() const {
  std::vector<Row> rows;
  for (const auto& contender : contenders_) rows.push_back(contender.row());
  return rows;
}

Ratio Race::ratio(const Comparison& comparison) const {
  const auto& [name, over, limit] = comparison;
  return find(name).ours.over(find(over).ours, name + " / " + over, limit);
}

Ratio Race::ratio(const Bound& bound) const {
  return ratio_of(text("{}: {} each time", bound.name, name_of(bound.event)),
                  find(bound.name).ours.each_time(bound.event), bound.limit);
}

std::vector<Ratio> Race::ratios() const {
  std::vector<Ratio> ratios;
  for (const auto& comparison : comparisons_) ratios.push_back(ratio(comparison));
  for (const auto& bound : bounds_) ratios.push_back(ratio(bound));
  return ratios;
}

std::vector<Ratio> Race::all_ratios() const {
  std::vector<Ratio> all;
  for (auto& row : rows())
    if (row.bare) all.push_back(std::move(row.bare->ratio));
  std::ranges::move(ratios(), std::back_inserter(all));
  return all;
}

const Race::Contender& Race::find(const std::string& name) const {
  return *std::ranges::find(contenders_, name, &Contender::name);
}
Race::Contender& Race::find(const std::string& name) {
  return *std::ranges::find(contenders_, name, &Contender::name);
}

}  // namespace bellwire::bench
