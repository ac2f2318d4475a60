// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/core/statistics.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace bellwire {
namespace {

std::vector<double> one_to(std::size_t last) {
  std::vector<double> figures(last);
  std::iota(figures.begin(), figures.end(), 1.0);
  return figures;
}

TEST_CASE("a percentile is one of the figures, by nearest rank") {
  const struct {
    std::size_t figures;
    double part, expected;
  } rows[] = {{1, 0, 1},       {1, 0.5, 1},      {1, 1, 1},          {2, 0.5, 1},
              {2, 0.51, 2},    {3, 0.5, 2},      {4, 0.25, 1},       {4, 0.75, 3},
              {5, 0.25, 2},    {10, 0.9, 9},     {10, 0.99, 10},     {100, 0.07, 7},
              {100, 0.99, 99}, {101, 0.99, 100}, {1000, 0.999, 999}, {1000, 0, 1}};
  for (const auto& row : rows) {
    CAPTURE(row.figures);
    CAPTURE(row.part);
    CHECK(percentile(one_to(row.figures), row.part) == row.expected);
  }
}

TEST_CASE("no figures come to 0") {
  CHECK(percentile({}, 0.5) == 0);
  CHECK(summarize({}).count == 0);
  CHECK(summarize({}).max == 0);
  CHECK(Histogram().percentile(0.5) == 0);
}

TEST_CASE("a summary takes figures in any order") {
  const auto summary = summarize({4, 1, 3, 2});
  CHECK(summary.count == 4);
  CHECK(summary.p25 == 1);
  CHECK(summary.p50 == 2);
  CHECK(summary.p75 == 3);
  CHECK(summary.p99 == 4);
  CHECK(summary.max == 4);
  CHECK(median({3, 1, 2}) == 2);
}

TEST_CASE("small numbers in a histogram are exact, by the same ranks") {
  for (const std::uint64_t last : {1U, 2U, 3U, 10U, 63U}) {
    Histogram histogram;
    for (std::uint64_t value = 1; value <= last; ++value) histogram.add(value);
    for (const double part : {0.0, 0.25, 0.5, 0.9, 0.99, 1.0})
      CHECK(static_cast<double>(histogram.percentile(part)) == percentile(one_to(last), part));
  }
}

TEST_CASE("a histogram's percentiles are at most 1/64 below the exact ones") {
  std::mt19937_64 random(7);
  Histogram histogram;
  std::vector<double> exact;
  for (int count = 0; count < 10'000; ++count) {
    const auto value = random() >> (random() % 60);
    histogram.add(value);
    exact.push_back(static_cast<double>(value));
  }
  std::ranges::sort(exact);
  for (const double part : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double wanted = percentile(exact, part);
    const auto found = static_cast<double>(histogram.percentile(part));
    CHECK(found <= wanted);
    CHECK(found >= wanted * 63 / 64);
  }
}

TEST_CASE("the longest time has a bucket, too") {
  Histogram histogram;
  histogram.add(~std::uint64_t{0});
  CHECK(histogram.percentile(0.5) >= ~std::uint64_t{0} / 64 * 63);
  CHECK(histogram.percentile(0) == histogram.percentile(1));
}

TEST_CASE("a histogram that is added to another adds its counts") {
  Histogram one, other;
  one.add(1);
  other.add(1);
  other.add(100'000);
  one.add(other);
  std::uint64_t count = 0;
  one.each([&count](std::uint64_t, std::uint64_t times) { count += times; });
  CHECK(count == 3);
  CHECK(one.count() == 3);
}

}  // namespace
}  // namespace bellwire
