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

void Race::enter(std::string name, Sample sample) {
  contenders_.push_back({std::move(name), std::move(sample), {}, {}});
}

void Race::compare(const std::string& name, const std::string& over) {
  comparisons_.emplace_back(name, over);
}

Result<void> Race::run(unsigned rounds) {
  for (unsigned round = 0; round < rounds; ++round) {
    for (auto& contender : contenders_)
      if (auto taken = contender.take_turn(); !taken) return taken;
    std::ranges::reverse(contenders_);
  }
  if (rounds % 2 == 1) std::ranges::reverse(contenders_);
  return {};
}

Result<void> Race::Contender::take_turn() {
  Samples samples;
  if (auto taken = sample(samples); !taken) return taken.error();
  medians.push_back(quantile(samples.ns, 0.5));
  all.ns.insert(all.ns.end(), samples.ns.begin(), samples.ns.end());
  all.times += samples.times;
  all.exits += samples.exits;
  return {};
}

std::vector<Row> Race::rows() const {
  std::vector<Row> rows;
  for (const auto& [name, sample, all, medians] : contenders_)
    rows.push_back({.name = name,
                    .p50 = quantile(all.ns, 0.5),
                    .p99 = quantile(all.ns, 0.99),
                    .exits = static_cast<double>(all.exits) / static_cast<double>(all.times),
                    .times = all.times});
  return rows;
}

std::vector<Ratio> Race::ratios() const {
  std::vector<Ratio> ratios;
  for (const auto& [name, over] : comparisons_) {
    const auto& first = find(name).medians;
    const auto& second = find(over).medians;
    std::vector<double> values;
    std::ranges::transform(first, second, std::back_inserter(values), std::divides());
    ratios.push_back({.name = name + " / " + over,
                      .value = quantile(values, 0.5),
                      .spread = quantile(values, 0.75) - quantile(values, 0.25)});
  }
  return ratios;
}

const Race::Contender& Race::find(const std::string& name) const {
  return *std::ranges::find(contenders_, name, &Contender::name);
}

}  // namespace bellwire::bench
