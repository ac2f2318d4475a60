// SPDX-License-Identifier: BSD-3-Clause
//
// What the system lets this process have.
#pragma once

#include <cstdint>

#include "vdev/os/result.hpp"

namespace bellwire::os {

/// Makes sure that the process may open `fds` descriptors, by raising its own soft limit where
/// that is needed. EMFILE: the hard limit forbids it.
[[nodiscard]] Result<void> ensure_fds(std::uint64_t fds);

}  // namespace bellwire::os
