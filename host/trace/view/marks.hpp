// SPDX-License-Identifier: BSD-3-Clause
//
// Marks: what went wrong on purpose while a trace was recorded, and which signals the driver did
// without, each with the request that it happened to.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <span>

#include "host/trace/file/trace.hpp"

namespace bellwire::view {

struct Mark {
  std::string words;  ///< "drop interrupt 33", "interrupt recovered"
  std::string kind;   ///< the same without its number
  double at;
  bool recovered;                      ///< else a fault
  std::optional<std::size_t> request;  ///< its place in the trace; empty: it was not recorded
};

/// By their time.
[[nodiscard]] std::vector<Mark> marks_of(const Trace& trace);

/// By the request's place in the trace.
using MarksByRequest = std::multimap<std::size_t, Mark>;
[[nodiscard]] MarksByRequest by_request(const std::vector<Mark>& marks);

/// How many there are of each kind, the most first: "12 drop interrupt, 3 delay doorbell". Empty:
/// there are none.
[[nodiscard]] std::string counts_in_words(const Trace& trace, bool recovered);

/// {kind: count}
[[nodiscard]] boost::json::object counts_in_json(const Trace& trace, bool recovered);

}  // namespace bellwire::view
