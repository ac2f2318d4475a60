// SPDX-License-Identifier: BSD-3-Clause
//
// A trace as one page that opens offline: the path that requests take, a request that travels along
// it at its recorded times, the figures, and a heat map. Its data are the figures of
// `trace show --json` and the requests that can be chosen on it.
#pragma once

#include <map>
#include <ostream>

#include "host/trace/view/figures.hpp"

namespace bellwire::view {

/// How long requests took, over the time at which they began. Columns are time; rows are the
/// logarithm of how long it took, the shortest first.
struct HeatMap {
  static constexpr unsigned columns = 72, rows = 24;

  struct Cell {
    unsigned column, row;
    auto operator<=>(const Cell&) const = default;
  };
  struct Heat {
    std::uint64_t requests = 0;
    WholeRequest slowest = {};
  };

  double began, span_ns;       ///< of all columns
  double least_ns, most_ns;    ///< from the lowest end of the first row to the highest of the last
  std::map<Cell, Heat> cells;  ///< those that have requests
};

[[nodiscard]] HeatMap heat_map_of(const Figures& figures);

void write_page(std::ostream& out, const Trace& trace, const Figures& figures);

// The files of page/, which embed.cmake puts into the program.
namespace page {
extern const std::string_view skeleton;  ///< contains /* style */, /* data */ and /* script */
extern const std::string_view style;
extern const std::string_view script;
}  // namespace page

}  // namespace bellwire::view
