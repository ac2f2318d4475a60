// SPDX-License-Identifier: BSD-3-Clause
//
// Diff: two traces hop by hop, in the order of the path.
#pragma once

#include <optional>
#include <ostream>

#include "host/trace/view/figures.hpp"
#include "host/trace/view/show.hpp"

namespace bellwire::view {

struct Change {
  Hop hop;
  std::optional<Summary> before, after;  ///< empty: no request took that hop
};

/// All hops of either trace, then the whole way if it is the same in both.
[[nodiscard]] std::vector<Change> changes(const Figures& before, const Figures& after);

/// What differs in what the two were recorded on, one sentence each: it affects the figures, too.
[[nodiscard]] std::vector<std::string> differences(const Trace& before, const Trace& after);

/// after's figure divided by before's; empty if one is missing or there is nothing to divide by.
[[nodiscard]] std::optional<double> ratio(const Change& change, double Summary::*figure);

void show(std::ostream& out, const Screen& screen, const std::vector<Change>& changes);

/// {differences, hops: [{from, to, p50_ns, p99_ns: [before, after], p50_ratio, p99_ratio}]}; null
/// for what is missing.
[[nodiscard]] boost::json::object to_json(const std::vector<Change>& changes,
                                          const std::vector<std::string>& differences);

}  // namespace bellwire::view
