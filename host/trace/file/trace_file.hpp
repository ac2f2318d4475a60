// SPDX-License-Identifier: BSD-3-Clause
//
// Writes a timeline as a trace file, which `bellwire trace` reads: one JSON object, with a line per
// request. ../README.md describes the format.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "vdev/os/result.hpp"
#include "vdev/trace/timeline.hpp"

namespace bellwire::host {

/// What a recording can't find out by itself. Empty: not given.
struct TraceFacts {
  std::string transport;
  std::string device;
  std::optional<std::string> accelerator = {};
  std::optional<std::string> qemu = {};          ///< its version
  std::optional<std::string> guest_kernel = {};  ///< its release
};

/// One of the last three facts.
struct NamedFact {
  std::string name, text;
};

/// Reads NAME=TEXT. EINVAL: it has another form, or there is no such fact.
[[nodiscard]] Result<NamedFact> parse_fact(const std::string& words);

/// EINVAL: there is no such fact, or the text can't be one.
[[nodiscard]] Result<void> add_fact(TraceFacts& facts, const NamedFact& fact);

/// What every trace file begins with: version, machine, transport, device and began.
[[nodiscard]] boost::json::object trace_head(const TraceFacts& facts,
                                             std::chrono::system_clock::time_point began);

[[nodiscard]] std::string trace_file(const trace::Timeline& timeline, const TraceFacts& facts,
                                     std::chrono::system_clock::time_point began);

}  // namespace bellwire::host
