// SPDX-License-Identifier: BSD-3-Clause
//
// Which CPU a thread runs on.
#pragma once

#include "vdev/os/result.hpp"

namespace bellwire::os {

/// The calling thread runs on that CPU alone from now on. EINVAL: this machine has no such CPU, or
/// we may not use it.
[[nodiscard]] Result<void> pin_thread(unsigned cpu);

}  // namespace bellwire::os
