// SPDX-License-Identifier: BSD-3-Clause
//
// A timeline as the trace file that `bellwire trace` reads: JSON, one object; a line each request.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "vdev/os/result.hpp"
#include "vdev/trace/timeline.hpp"

namespace bellwire::host {

/// What a recording can't know by itself, and who looks at it wants to. Empty: nobody told.
struct TraceFacts {
  std::string transport;
  std::string device;
  std::optional<std::string> accelerator = {};
  std::optional<std::string> qemu = {};          ///< its version
  std::optional<std::string> guest_kernel = {};  ///< its release
};

/// One of the last three.
struct NamedFact {
  std::string name, text;
};

/// NAME=TEXT, as a command line has it. EINVAL: it is something else, or there is no such fact.
[[nodiscard]] Result<NamedFact> parse_fact(const std::string& words);

/// EINVAL: there is no such.
[[nodiscard]] Result<void> add_fact(TraceFacts& facts, const NamedFact& fact);

[[nodiscard]] std::string trace_file(const trace::Timeline& timeline, const TraceFacts& facts,
                                     std::chrono::system_clock::time_point began);

}  // namespace bellwire::host
