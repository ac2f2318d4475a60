// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire trace record`
#pragma once

#include <string>
#include <vector>

#include "host/trace/record/recording.hpp"

namespace bellwire::host {

struct RecordOptions {
  std::string socket;  ///< of a Control
  std::string out;     ///< the trace file
  RecordingLimits limits;
  std::vector<std::string> facts;  ///< NAME=TEXT, as control.hpp names them
};

/// Until a limit or a signal; then the file is there. ECONNREFUSED, ENOENT: no device serves the
/// socket. EPROTO: it went away before the trace was whole; an older file is as it was then.
[[nodiscard]] Result<void> run_record(const RecordOptions& options);

}  // namespace bellwire::host
