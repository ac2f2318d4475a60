// SPDX-License-Identifier: BSD-3-Clause
//
// Trace files for tests, made up: never shown as something that was measured.
#pragma once

#include <boost/json/object.hpp>
#include <vector>

#include "host/trace/file/trace.hpp"

namespace bellwire::view {

/// A time for each stage, in ns; `absent` where the request did not pass the stage.
using Times = std::array<double, stages.size()>;
constexpr double absent = -1;

/// The content of a trace file of version 1, of requests 0, 1, 2… on queue 0, on ivshmem, with
/// clocks joined within 200 ns.
[[nodiscard]] boost::json::object file_of(const std::vector<Times>& requests);

/// The same, read. It must be right.
[[nodiscard]] Trace trace_of(const std::vector<Times>& requests);

/// A request submitted at `began` that takes 1,000 ns from each stage to the next.
[[nodiscard]] Times steady(double began);

}  // namespace bellwire::view
