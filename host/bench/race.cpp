// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/race.hpp"

#include <algorithm>

namespace bellwire::bench {
namespace {

// Of what is not empty; `part` from 0 to 1.
double quantile(std::vector<double> values, double part) {
  const auto place = static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + place, values.end());
  return values[static_cast<std::size_t>(place)];
}

}  // namespace

bool Race::skips(const std::string& name) const {
  return !skip_.empty() && name.find(skip_) != std::string::npos;
}

void Race::enter(std::string name, Sample sample, std::optional<Sample> bare) {
  if (skips(name)) return;
  auto& contender = contenders_.emplace_back(Contender{std::move(name), {std::move(sample)}, {}});
  if (bare) contender.bare = Runner{std::move(*bare)};
}

void Race::compare(const std::string& name, const std::string& over) {
  if (!skips(name) && !skips(over)) comparisons_.emplace_back(name, over);
}

Result<void> Race::run(unsigned rounds) {
  if (contenders_.empty())
    return fault(std::errc::invalid_argument, "nothing to measure is without '{}'", skip_);
  auto runners = line_up();
  for (unsigned round = 0; round < rounds; ++round) {
    for (auto* runner : runners)
      if (auto taken = runner->take_turn(); !taken) return taken;
    std::ranges::reverse(runners);
  }
  return {};
}

std::vector<Race::Runner*> Race::line_up() {
  std::vector<Runner*> runners;
  for (auto& [name, ours, bare] : contenders_) {
    runners.push_back(&ours);
    if (bare) runners.push_back(&*bare);
  }
  return runners;
}

Result<void> Race::Runner::take_turn() {
  Samples samples;
  if (auto taken = sample(samples); !taken) return taken.error();
  medians.push_back(quantile(samples.ns, 0.5));
  all.ns.insert(all.ns.end(), samples.ns.begin(), samples.ns.end());
  all.times += samples.times;
  all.exits += samples.exits;
  return {};
}

Figures Race::Runner::figures() const {
  return {.p50 = quantile(all.ns, 0.5),
          .p99 = quantile(all.ns, 0.99),
          .exits = static_cast<double>(all.exits) / static_cast<double>(all.times),
          .times = all.times};
}

Ratio Race::Runner::over(const Runner& other, std::string name) const {
  std::vector<double> values;
  std::ranges::transform(medians, other.medians, std::back_inserter(values), std::divides());
  return {.name = std::move(name),
          .value = quantile(values, 0.5),
          .spread = quantile(values, 0.75) - quantile(values, 0.25)};
}

Row Race::Contender::row() const {
  Row row{name, ours.figures(), {}};
  if (bare) row.bare = Yardstick{bare->figures(), ours.over(*bare, name + " / bare C")};
  return row;
}

std::vector<Row> Race::rows() const {
  std::vector<Row> rows;
  for (const auto& contender : contenders_) rows.push_back(contender.row());
  return rows;
}

std::vector<Ratio> Race::ratios() const {
  std::vector<Ratio> ratios;
  for (const auto& [name, over] : comparisons_)
    ratios.push_back(find(name).ours.over(find(over).ours, name + " / " + over));
  return ratios;
}

const Race::Contender& Race::find(const std::string& name) const {
  return *std::ranges::find(contenders_, name, &Contender::name);
}

}  // namespace bellwire::bench
