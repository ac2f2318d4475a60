// SPDX-License-Identifier: BSD-3-Clause
//
// How runs are told: as a table for people, or as KTAP for a harness.
#pragma once

#include <memory>

#include "guest-kmod/bell/traffic.hpp"

namespace bell {

class Report {
 public:
  virtual ~Report() = default;
  virtual void plan(std::size_t runs) = 0;
  virtual void run(const TrafficOptions& options, const Result<TrafficResult>& result) = 0;

  /// Whether every run was good so far, and there was one.
  [[nodiscard]] bool good() const noexcept { return runs_ > 0 && bad_ == 0; }

 protected:
  void count(bool run_was_good) noexcept { ++runs_, bad_ += run_was_good ? 0 : 1; }
  [[nodiscard]] std::size_t runs() const noexcept { return runs_; }

 private:
  std::size_t runs_ = 0;
  std::size_t bad_ = 0;
};

[[nodiscard]] std::unique_ptr<Report> make_table();

/// KTAP version 1; each run's figures stand as a JSON object in the diagnostic line before it.
[[nodiscard]] std::unique_ptr<Report> make_ktap();

}  // namespace bell
