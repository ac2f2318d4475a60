// SPDX-License-Identifier: BSD-3-Clause
//
// Which parts of the file system a sandbox keeps, by their paths.
#pragma once

#include <filesystem>
#include <vector>

#include "host/sandbox/sandbox.hpp"

namespace bellwire::host {

struct KeptPath {
  std::filesystem::path path;  ///< absolute, without . and ..
  bool writable = false;       ///< what is in it, if it is a folder

  bool operator==(const KeptPath&) const = default;
};

/// Those that `needs` names, and that exist: the folder of each path that is made, or the next one
/// above it that exists, under the name that was given and under its real one, and what it links
/// to; and what every program uses. None is within another that is kept in the same way, and one
/// that has others within it comes first.
[[nodiscard]] std::vector<KeptPath> kept_paths(const SandboxNeeds& needs,
                                               const std::filesystem::path& here);

}  // namespace bellwire::host
