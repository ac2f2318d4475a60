// SPDX-License-Identifier: BSD-3-Clause
//
// Histogram: counts times, in constant memory however many there are. A bucket is at most 1/64
// wide of the times in it, so percentiles are right within 1.6 %.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace bell {

class Histogram {
 public:
  void add(std::uint64_t time) noexcept {
    ++counts_[bucket(time)];
    ++total_;
  }

  void add(const Histogram& other) noexcept {
    for (unsigned index = 0; index < counts_.size(); ++index)
      counts_[index] += other.counts_[index];
    total_ += other.total_;
  }

  /// The time that `part` of all times (0 to 1) do not exceed; 0 if there is none.
  [[nodiscard]] std::uint64_t percentile(double part) const noexcept {
    const auto rank = static_cast<std::uint64_t>(part * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (unsigned index = 0; index < counts_.size(); ++index) {
      seen += counts_[index];
      if (seen > 0 && seen >= rank) return lower_end(index);
    }
    return 0;
  }

  /// Calls take(lowest time, count) for each bucket that has one, in order.
  template <class Take>
  void each(Take take) const {
    for (unsigned index = 0; index < counts_.size(); ++index)
      if (counts_[index] > 0) take(lower_end(index), counts_[index]);
  }

 private:
  static constexpr unsigned bits = 6;  // each power of two has 64 buckets
  static constexpr unsigned per_octave = 1U << bits;

  static unsigned bucket(std::uint64_t time) noexcept {
    if (time < per_octave) return static_cast<unsigned>(time);
    const auto shift = static_cast<unsigned>(std::bit_width(time)) - bits - 1;
    return (shift + 1) * per_octave + static_cast<unsigned>((time >> shift) - per_octave);
  }
  static std::uint64_t lower_end(unsigned index) noexcept {
    if (index < per_octave) return index;
    const unsigned shift = index / per_octave - 1;
    return std::uint64_t{per_octave + index % per_octave} << shift;
  }

  std::array<std::uint64_t, (64 - bits + 1) * per_octave> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace bell
