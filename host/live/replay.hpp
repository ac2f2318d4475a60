// SPDX-License-Identifier: BSD-3-Clause
//
// Replay: a recorded trace as the page plays it: its records one after the other, each a step. Any
// thread.
#pragma once

#include <string>

#include "host/trace/file/function_trace.hpp"

namespace bellwire::host::live {

/// A page gets no more of a trace; it says so.
constexpr std::size_t most_records = 200'000;

/// JSON: {trace: {name, device, transport, began, uncertainty_ns, lost, kinds: [{name, side,
/// words}], entries, records: [[ns, kind, queue, request, requests]], shown, of}}, the records by
/// time. A doorbell or an interrupt has no request, and stands for so many. Of a whole PCI device
/// `function` is true, and a record is [ns, kind, where, bytes, failed]. `shown` of so many records
/// `of` the trace are here: the first ones.
[[nodiscard]] std::string replay_text(const std::string& name, const view::AnyTrace& trace);

}  // namespace bellwire::host::live
