// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire switchboard`
#pragma once

#include "vdev/transport/ivshmem/switchboard.hpp"

namespace bellwire::host {

/// Until a signal ends it.
[[nodiscard]] Result<void> run_switchboard(const ivshmem::SwitchboardOptions& options);

}  // namespace bellwire::host
