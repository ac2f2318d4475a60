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

/// The same, for as many more than are open now.
[[nodiscard]] Result<void> ensure_more_fds(std::uint64_t fds);

/// Whether the same call may succeed in a moment, with nothing changed by the caller: the system
/// was short of something (EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC of epoll, ETOOMANYREFS), was
/// busy (EAGAIN, EINTR), or lost a connection that nobody had accepted yet (ECONNABORTED).
[[nodiscard]] bool temporary(const std::error_code& code) noexcept;

/// What keeps this process from having one more descriptor: EMFILE with the limit, or ENFILE. Asked
/// where the kernel dropped a descriptor and did not say why.
[[nodiscard]] Error descriptor_shortage();

}  // namespace bellwire::os
