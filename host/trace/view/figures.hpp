// SPDX-License-Identifier: BSD-3-Clause
//
// Figures: what a trace comes to. `trace show` prints them, `--json` and the page have them as they
// are; nobody computes them a second time.
//
// They count the requests that were recorded whole: from the first stage that the trace has to the
// last. So the shares of all hops sum up to 1. A percentile is one of the times: the least that so
// many of all don't exceed. Times are nanoseconds.
#pragma once

#include <boost/json/object.hpp>

#include "host/trace/file/trace.hpp"

namespace bellwire::view {

struct Spread {
  std::size_t count = 0;
  double p50 = 0, p90 = 0, p99 = 0, max = 0;
};

/// All 0 if there are no values.
[[nodiscard]] Spread spread_of(std::vector<double> values);

struct HopFigures {
  Hop hop;
  Spread ns;
  double share;             ///< of the time of all requests together
  std::uint64_t backwards;  ///< times that it ended before it began
  bool uncertain;           ///< its median is smaller than the clocks' uncertainty
};

/// A request from its first stage to its last.
struct Journey {
  std::size_t request;  ///< its place in the trace
  double began, ns;
};

struct Figures {
  Hop whole;                      ///< from the first stage to the last
  Spread total;                   ///< of `whole`
  std::vector<HopFigures> hops;   ///< in the order of the path
  std::vector<Journey> journeys;  ///< the slowest first
  std::size_t incomplete;         ///< requests that were not recorded whole
  double span_ns;                 ///< from the first beginning to the last end
  Spread depth;                   ///< requests under way when one was submitted, itself included
  Spread doorbells, interrupts;   ///< requests that each stood for
};

/// EPROTO: no request was recorded whole.
[[nodiscard]] Result<Figures> figures_of(const Trace& trace, const std::string& name);

/// {version, device, transport, began, machine, clock, span_ns, total, hops, slowest, depth,
/// doorbells, interrupts, lost, left_out, incomplete}; a hop is {from, to, count, p50_ns, p90_ns,
/// p99_ns, max_ns, share, backwards, crosses, uncertain}. `slowest` has so many requests.
[[nodiscard]] boost::json::object to_json(const Trace& trace, const Figures& figures,
                                          std::size_t slowest);

}  // namespace bellwire::view
