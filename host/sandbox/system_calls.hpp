// SPDX-License-Identifier: BSD-3-Clause
//
// The sandbox's filter of system calls: seccomp(2), made by libseccomp.
#pragma once

#include "host/sandbox/sandbox.hpp"

namespace bellwire::host {

/// From now on the kernel kills this process, with SIGSYS, if it makes a system call that serving a
/// device does not take: to run a program, to become a process more, to reach another process, to
/// open a socket that is not a unix socket, to make memory executable. This thread and those that
/// it starts. ENOTSUP, EINVAL: the kernel has no such filters.
[[nodiscard]] Result<void> filter_system_calls(const SandboxNeeds& needs);

}  // namespace bellwire::host
