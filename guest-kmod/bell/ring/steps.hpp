// SPDX-License-Identifier: BSD-3-Clause
//
// Single rings, step by step: which side did what, and when.
#pragma once

#include "guest-kmod/bell/device/claimed_queue.hpp"

namespace bell {

/// Prints `count` rings. Guest and host have different clocks: their offset is estimated from the
/// rings themselves, and its uncertainty is printed.
[[nodiscard]] Result<void> print_steps(const ClaimOptions& options, std::uint64_t count);

/// Submits one empty request and waits for its completion. ETIMEDOUT; EPROTO: the queue is broken.
[[nodiscard]] Result<bellwire_completion> ring_once(ClaimedQueue& claimed, std::uint64_t cookie);

}  // namespace bell
