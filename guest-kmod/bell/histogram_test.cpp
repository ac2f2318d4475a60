// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/histogram.hpp"

#include <doctest/doctest.h>

using bell::Histogram;

TEST_CASE("percentiles of 1 to 100,000 are right within a bucket's width") {
  Histogram histogram;
  for (std::uint64_t time = 1; time <= 100000; ++time) histogram.add(time);
  for (const double part : {0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    CAPTURE(part);
    const auto found = static_cast<double>(histogram.percentile(part));
    CHECK(found <= part * 100000);
    CHECK(found >= part * 100000 * (1 - 1.0 / 64) - 1);
  }
}

TEST_CASE("no time, one time, the longest time") {
  CHECK(Histogram().percentile(0.5) == 0);
  Histogram histogram;
  histogram.add(~std::uint64_t{0});
  CHECK(histogram.percentile(0.5) >= ~std::uint64_t{0} / 64 * 63);
  CHECK(histogram.percentile(0) == histogram.percentile(1));
}
