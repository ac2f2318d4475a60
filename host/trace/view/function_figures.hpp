// SPDX-License-Identifier: BSD-3-Clause
//
// The figures of a PCI device's trace, which all views of it share, and these views: the text of
// `trace show`, its JSON, and the page. Events are counted by place: a register, a part of the
// config space, a vector, or the DMA of one direction.
#pragma once

#include <boost/json/object.hpp>
#include <ostream>
#include <vector>

#include "host/trace/file/function_trace.hpp"
#include "host/trace/view/show.hpp"
#include "vdev/core/statistics.hpp"

namespace bellwire::view {

struct PlaceFigures {
  pci::EventKind kind;
  std::string name;          ///< "BAR0+0x10 write"
  std::uint64_t bytes = 0;   ///< interrupts: how many were raised
  std::uint64_t failed = 0;  ///< transfers
  std::uint64_t last_value = 0;
  Summary ns;  ///< how long the device took; for interrupts all 0
};

struct FunctionFigures {
  std::vector<PlaceFigures> places;  ///< by kind, BAR and offset
  double span_ns = 0;                ///< from the first event to the end of the last
  std::vector<std::size_t> slowest;  ///< indices of events, the slowest first
};

/// EPROTO: nothing was recorded.
[[nodiscard]] Result<FunctionFigures> figures_of(const FunctionTrace& trace,
                                                 const std::string& name);

/// "BAR0+0x10 write".
[[nodiscard]] std::string place_of(const TracedEvent& event);

void show(std::ostream& out, const Screen& screen, const FunctionTrace& trace,
          const FunctionFigures& figures, std::size_t slowest);

/// {version, device, transport, began, span_ns, lost, places: [{what, count, bytes, failed, p50_ns,
/// p99_ns, max_ns, last}], slowest: [{what, at_ns, took_ns, value}]}. `last` and `value` are in
/// hexadecimal.
[[nodiscard]] boost::json::object to_json(const FunctionTrace& trace,
                                          const FunctionFigures& figures, std::size_t slowest);

/// One page that opens offline: the figures, and the events, of which those can be chosen that have
/// some words in their line.
void write_page(std::ostream& out, const FunctionTrace& trace, const FunctionFigures& figures);

}  // namespace bellwire::view
