// SPDX-License-Identifier: BSD-3-Clause
//
// What several figures come to: percentiles by nearest rank, the only definition in this tree. The
// scripts have the same in harness/report/figures.py, and both are tested with the same numbers.
// Everything here is pure; a Histogram belongs to one thread.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bellwire {

/// The place, from 1, of the percentile `part` (0 to 1) among `count` figures in ascending order:
/// the least rank that at least that part of them does not exceed. 0 if there are none.
[[nodiscard]] inline std::uint64_t nearest_rank(double part, std::uint64_t count) noexcept {
  if (count == 0) return 0;
  const double exact = part * static_cast<double>(count);
  const double rank = std::ceil(exact - 1e-9 * exact);  // 0.07 × 100 is a little over 7
  return std::clamp<std::uint64_t>(rank > 0 ? static_cast<std::uint64_t>(rank) : 0, 1, count);
}

/// One of `sorted`, which is in ascending order; 0 if it is empty.
[[nodiscard]] inline double percentile(const std::vector<double>& sorted, double part) noexcept {
  return sorted.empty() ? 0 : sorted[nearest_rank(part, sorted.size()) - 1];
}

/// Percentiles of figures of any unit; all 0 if there are none.
struct Summary {
  std::size_t count = 0;
  double p25 = 0, p50 = 0, p75 = 0, p90 = 0, p99 = 0, max = 0;
};

[[nodiscard]] inline Summary summarize(std::vector<double> figures) {
  std::ranges::sort(figures);
  const auto at = [&figures](double part) { return percentile(figures, part); };
  return {figures.size(), at(0.25), at(0.5), at(0.75), at(0.9), at(0.99), at(1)};
}

[[nodiscard]] inline double median(std::vector<double> figures) {
  return summarize(std::move(figures)).p50;
}

/// Counts whole numbers, such as nanoseconds, in constant memory however many there are. A bucket
/// is at most 1/64 wide of the values in it, so percentiles are right within 1.6 %.
class Histogram {
 public:
  void add(std::uint64_t value) noexcept {
    ++counts_[bucket(value)];
    ++total_;
  }

  void add(const Histogram& other) noexcept {
    for (unsigned index = 0; index < counts_.size(); ++index)
      counts_[index] += other.counts_[index];
    total_ += other.total_;
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return total_; }

  /// The lower end of the percentile's bucket; 0 if nothing was added.
  [[nodiscard]] std::uint64_t percentile(double part) const noexcept {
    const auto rank = nearest_rank(part, total_);
    std::uint64_t seen = 0;
    for (unsigned index = 0; index < counts_.size(); ++index) {
      seen += counts_[index];
      if (seen > 0 && seen >= rank) return lower_end(index);
    }
    return 0;
  }

  /// Calls take(lowest value, count) for each bucket that has one, in ascending order.
  template <class Take>
  void each(Take take) const {
    for (unsigned index = 0; index < counts_.size(); ++index)
      if (counts_[index] > 0) take(lower_end(index), counts_[index]);
  }

 private:
  static constexpr unsigned bits = 6;  // each power of two has 64 buckets
  static constexpr unsigned per_octave = 1U << bits;

  static unsigned bucket(std::uint64_t value) noexcept {
    if (value < per_octave) return static_cast<unsigned>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - bits - 1;
    return (shift + 1) * per_octave + static_cast<unsigned>((value >> shift) - per_octave);
  }
  static std::uint64_t lower_end(unsigned index) noexcept {
    if (index < per_octave) return index;
    const unsigned shift = index / per_octave - 1;
    return std::uint64_t{per_octave + index % per_octave} << shift;
  }

  std::array<std::uint64_t, (64 - bits + 1) * per_octave> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace bellwire
