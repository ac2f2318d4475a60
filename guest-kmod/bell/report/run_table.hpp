// SPDX-License-Identifier: BSD-3-Clause
//
// The table of `bell ring`, a row per run. What was chosen for a run stands before its figures, as
// far as there is room; the rest stands in a line above the rows that share it. One thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "guest-kmod/bell/ring/traffic.hpp"
#include "vdev/os/text.hpp"

namespace bell {

class RunTable {
 public:
  /// The table of these runs, in the order in which they will be added.
  explicit RunTable(std::span<const TrafficOptions> runs);

  /// The lines of the next run: its row, below a new heading where other choices begin.
  [[nodiscard]] std::string lines(const TrafficOptions& options, const TrafficResult& result);

 private:
  std::vector<std::size_t> in_rows_;  // the choices that have a column
  std::string above_;                 // the choices of the row before that have none
  bellwire::TextTable table_;
};

}  // namespace bell
