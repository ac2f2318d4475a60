// SPDX-License-Identifier: BSD-3-Clause
//
// The facts about this machine that traces and figures name. Any thread.
#pragma once

#include <string>

namespace bellwire::host {

/// As /proc/cpuinfo names it; "unknown" where it doesn't.
[[nodiscard]] std::string cpu_model();

/// As `uname -r` prints it.
[[nodiscard]] std::string kernel_release();

}  // namespace bellwire::host
