// SPDX-License-Identifier: BSD-3-Clause
//
// Commands that the user gives: split as a shell does, without running anything meanwhile, and run.
// One thread.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vdev/os/result.hpp"

namespace bellwire::host::conform {

/// What stands in a command for something: "{socket}".
struct Placeholder {
  std::string_view name;  ///< with its braces
  std::string value;
};

/// The words of a command; `option` is whose it is. A line break is a space. EINVAL: it cannot be
/// split, or is empty, or has a placeholder that is none of these.
[[nodiscard]] Result<std::vector<std::string>> split_command(
    std::string_view option, const std::string& command, std::span<const Placeholder> placeholders);

/// Runs it to its end, and ends what it has left behind (kept_process.hpp). ETIMEDOUT: its end does
/// not come; it is killed. ECHILD: it ended otherwise than with status 0. ECANCELED: `stop`, a
/// descriptor, became readable first; it is killed.
[[nodiscard]] Result<void> run_command(const std::vector<std::string>& words,
                                       std::chrono::milliseconds limit, int stop = -1);

}  // namespace bellwire::host::conform
