// SPDX-License-Identifier: BSD-3-Clause
//
// The namespaces of the sandbox: user_namespaces(7), mount_namespaces(7), network_namespaces(7).
#pragma once

#include "host/sandbox/sandbox.hpp"

namespace bellwire::host {

/// Moves this process, which has one thread, into namespaces of its own, and takes all capabilities
/// from it. Its user and group stay. It is tried in a child first, so that on an error nothing has
/// changed. EPERM, ENOSPC: the system lets this user have none; ENOTSUP: `needs` rules them out.
[[nodiscard]] Result<void> enter_namespaces(const SandboxNeeds& needs);

}  // namespace bellwire::host
