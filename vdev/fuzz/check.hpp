// SPDX-License-Identifier: BSD-3-Clause
//
// What fuzz targets check with. A header alone: a target links only what it tests.
#pragma once

#include <unistd.h>

#include <cstdlib>

#include "vdev/os/fd.hpp"

namespace bellwire::fuzz {

/// A finding ends the process, as libFuzzer has it.
inline void require(bool true_so) {
  if (!true_so) std::abort();
}

/// The same before and after an input, or a descriptor was lost.
inline int lowest_free_fd() {
  const os::UniqueFd fd = os::duplicate(STDERR_FILENO);
  return fd.get();
}

}  // namespace bellwire::fuzz
