// SPDX-License-Identifier: BSD-3-Clause
//
// How the runs of `bell ring` are reported: as a table for people, or as KTAP for a harness.
#pragma once

#include <memory>
#include <span>

#include "guest-kmod/bell/ring/traffic.hpp"

namespace bell {

class RunReport {
 public:
  virtual ~RunReport() = default;
  virtual void add(const TrafficOptions& options, const Result<TrafficResult>& result) = 0;

  /// Whether there was a run, and all runs were good.
  [[nodiscard]] bool good() const noexcept { return runs_ > 0 && bad_ == 0; }

 protected:
  void count(bool run_was_good) noexcept { ++runs_, bad_ += run_was_good ? 0 : 1; }

 private:
  std::size_t runs_ = 0;
  std::size_t bad_ = 0;
};

/// A table for people; `runs` are those that will be added.
[[nodiscard]] std::unique_ptr<RunReport> make_table_report(std::span<const TrafficOptions> runs);

/// KTAP; the diagnostic line before each result has the run's figures as a JSON object.
[[nodiscard]] std::unique_ptr<RunReport> make_ktap_report(std::size_t runs);

}  // namespace bell
