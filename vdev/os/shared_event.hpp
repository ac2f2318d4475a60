// SPDX-License-Identifier: BSD-3-Clause
//
// What can be done to an eventfd that a peer has, too. The flags of an open file belong to all who
// share it: the peer may clear O_NONBLOCK at any moment, fill the count, or drain it between our
// poll and our read. So a plain read or write may sleep for as long as the peer likes; nothing here
// does, whatever the peer does meanwhile, and the peer's flags are neither read nor changed.
//
// A read is made non-blocking for itself alone (RWF_NOWAIT). A write can't be: so the kernel adds
// to the count on our behalf, as it does for its own users (KVM, vfio), which never sleeps either.
// It does that at the end of an asynchronous read of nothing. Any thread. Why so, and what it
// costs: docs/decisions/README.md, "A peer's eventfd is rung by the kernel".
#pragma once

#include <cstdint>
#include <optional>

#include "vdev/os/result.hpp"

namespace bellwire::os {

/// What signal_event() needs of the system; kept for good. ENOSYS, EPERM: asynchronous input and
/// output is not built into the kernel, or is forbidden by a sandbox; EAGAIN: other processes use
/// it up; EMFILE, ENFILE, ENOMEM.
[[nodiscard]] Result<void> prepare_signals();

/// Adds 1. A count that is full stays so, and its reader is woken. False: `fd` is no eventfd, or
/// the system has no memory.
bool signal_event(int fd) noexcept;

/// Takes the count, of a semaphore 1; empty if it is zero. Where the kernel can't read so (before
/// 5.8), the count is left alone, and taken for 1: then wait for the next ring by edges.
std::optional<std::uint64_t> take_count(int fd) noexcept;

}  // namespace bellwire::os
