// SPDX-License-Identifier: BSD-3-Clause
//
// Commands that the user gives: split as a shell does, without running anything meanwhile, and run
// as children of the suite. One thread.
#pragma once

#include <sys/types.h>

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

/// Starts it, in a process group of its own, which ends with the suite. Nothing comes
/// from its standard input, and what it prints goes to standard error. EAGAIN, ENOMEM; ENOENT,
/// EACCES and the like: there is no such program.
[[nodiscard]] Result<pid_t> spawn(const std::vector<std::string>& words);

/// From now on, what commands start and leave behind becomes a child of this process.
void adopt_orphans() noexcept;
/// Ends all children of this process, and what becomes a child by that. Without adopt_orphans(),
/// what has left its command's process group is not among them.
void end_children();

/// How a process ended, from waitpid()'s status: "by signal 11".
[[nodiscard]] std::string end_of(int status);

/// Runs it to its end. ETIMEDOUT: that does not come; it is killed. ECHILD: it ended otherwise than
/// with status 0. ECANCELED: `stop`, a descriptor, became readable first; it is killed.
[[nodiscard]] Result<void> run_command(const std::vector<std::string>& words,
                                       std::chrono::milliseconds limit, int stop = -1);

}  // namespace bellwire::host::conform
