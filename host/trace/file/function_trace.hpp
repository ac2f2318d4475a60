// SPDX-License-Identifier: BSD-3-Clause
//
// FunctionTrace: the trace file of a whole PCI device: what happened to it, one event after the
// other, where that of a ring device has requests. ../README.md describes the format. Written from
// what a pci::Observation saw, and read as any trace is: its writer is not trusted.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "host/trace/file/trace.hpp"
#include "host/trace/file/trace_file.hpp"
#include "vdev/pci/observe/observation.hpp"

namespace bellwire::host {

/// `lost`: events for which there was no room.
[[nodiscard]] std::string function_trace_file(std::span<const pci::Event> events,
                                              std::uint64_t lost, const TraceFacts& facts,
                                              std::chrono::system_clock::time_point began);

}  // namespace bellwire::host

namespace bellwire::view {

/// As in the file: "read", "config write".
[[nodiscard]] std::string_view name_of(pci::EventKind kind) noexcept;

/// As pci::Event, with times in nanoseconds since the first event.
struct TracedEvent {
  pci::EventKind kind = pci::EventKind::reset;
  unsigned bar = 0;
  std::uint64_t where = 0;
  std::uint32_t size = 0;
  std::uint64_t value = 0;
  double at = 0, took = 0;
  bool failed = false;
};

struct FunctionTrace {
  MachineFacts machine;
  std::string transport, device;
  std::string began;  ///< ISO 8601
  std::uint64_t lost = 0;
  std::vector<TracedEvent> events = {};
};

/// Whether a file's content is of that kind.
[[nodiscard]] bool is_function_trace(const JsonNode& file);

/// Throws Malformed.
[[nodiscard]] FunctionTrace read_function_trace(const JsonNode& file);

/// What a trace file may have.
using AnyTrace = std::variant<Trace, FunctionTrace>;

/// As parse() and read(), for both kinds.
[[nodiscard]] Result<AnyTrace> parse_any(std::string_view content, const std::string& name);
[[nodiscard]] Result<AnyTrace> read_any(const std::string& path);

}  // namespace bellwire::view
