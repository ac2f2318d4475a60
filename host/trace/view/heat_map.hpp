// SPDX-License-Identifier: BSD-3-Clause
//
// HeatMap: how long requests took, over the time at which they began. Columns are time, rows the
// logarithm of how long it took, the shortest first.
#pragma once

#include <map>

#include "host/trace/view/figures.hpp"

namespace bellwire::view {

struct HeatMap {
  static constexpr unsigned columns = 72, rows = 24;

  struct Cell {
    unsigned column, row;
    auto operator<=>(const Cell&) const = default;
  };
  struct Heat {
    std::uint64_t requests = 0;
    Journey slowest = {};
  };

  double began, span_ns;       ///< of all columns
  double least_ns, most_ns;    ///< from the lowest end of the first row to the highest of the last
  std::map<Cell, Heat> cells;  ///< those that have requests
};

[[nodiscard]] HeatMap heat_map_of(const Figures& figures);

}  // namespace bellwire::view
