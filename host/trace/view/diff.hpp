// SPDX-License-Identifier: BSD-3-Clause
//
// Diff: two traces hop by hop, in the order of the path.
#pragma once

#include <optional>
#include <ostream>

#include "host/trace/view/figures.hpp"
#include "host/trace/view/screen.hpp"

namespace bellwire::view {

struct Change {
  Hop hop;
  std::optional<Spread> before, after;  ///< empty: nobody went that way there
};

/// All hops of either, then the whole way of both if it is the same.
[[nodiscard]] std::vector<Change> changes(const Figures& before, const Figures& after);

/// What the two were recorded on that isn't the same, a sentence each: it changes the figures too.
[[nodiscard]] std::vector<std::string> differences(const Trace& before, const Trace& after);

/// Of after's to before's; empty if one isn't there, or there is nothing to divide by.
[[nodiscard]] std::optional<double> ratio(const Change& change, double Spread::*figure);

void show(std::ostream& out, const Screen& screen, const std::vector<Change>& changes);

/// {differences, hops: [{from, to, p50_ns, p99_ns: [before, after], p50_ratio, p99_ratio}]}; null
/// for what isn't there.
[[nodiscard]] boost::json::object to_json(const std::vector<Change>& changes,
                                          const std::vector<std::string>& differences);

}  // namespace bellwire::view
