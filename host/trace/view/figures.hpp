// SPDX-License-Identifier: BSD-3-Clause
//
// Figures: the statistics of a trace. They are computed here only; `trace show` prints them, and
// `--json` and the page contain them.
//
// They count the requests that were recorded completely: from the first stage that (nearly) all
// requests of the trace have to the last. So the shares of all hops add up to 1. Times are
// nanoseconds.
#pragma once

#include <boost/json/object.hpp>

#include "host/trace/file/trace.hpp"
#include "vdev/core/statistics.hpp"

namespace bellwire::view {

struct HopFigures {
  Hop hop;
  Summary ns;
  double share;             ///< of the time of all requests together
  std::uint64_t backwards;  ///< how often it ended before it began
  bool uncertain;           ///< its median is smaller than the clocks' uncertainty
};

/// A request from its first stage to its last.
struct WholeRequest {
  std::size_t request;  ///< its index in the trace
  double began, ns;
};

struct Figures {
  Hop whole;                           ///< from the first stage to the last
  Summary total;                       ///< of `whole`
  std::vector<HopFigures> hops;        ///< in the order of the path
  std::vector<WholeRequest> requests;  ///< the slowest first
  std::size_t incomplete;              ///< requests that were not recorded completely
  double span_ns;                      ///< from the first beginning to the last end
  Summary depth;                  ///< requests under way when one was submitted, itself included
  Summary doorbells, interrupts;  ///< requests that each one stood for
};

/// EPROTO: no request was recorded completely.
[[nodiscard]] Result<Figures> figures_of(const Trace& trace, const std::string& name);

/// {version, device, transport, began, machine, clock, span_ns, total, hops, slowest, depth,
/// doorbells, interrupts, faults, recovered, lost, left_out, incomplete}; a hop is {from, to,
/// count, p50_ns, p90_ns, p99_ns, max_ns, share, backwards, crosses, uncertain}. `slowest` has that
/// many requests, each with its marks (marks.hpp).
[[nodiscard]] boost::json::object to_json(const Trace& trace, const Figures& figures,
                                          std::size_t slowest);

}  // namespace bellwire::view
