// SPDX-License-Identifier: BSD-3-Clause
//
// Tells single rings step by step: which side did what, when.
#pragma once

#include "guest-kmod/bell/session.hpp"

namespace bell {

/// Prints `count` rings. Guest and host have clocks of their own: their offset is found from the
/// rings themselves, to within what is printed with them.
[[nodiscard]] Result<void> tell_steps(const SessionOptions& options, std::uint64_t count);

/// Submits one empty request and waits for its completion. ETIMEDOUT; EPROTO: the queue is broken.
[[nodiscard]] Result<bellwire_completion> ring_once(Session& session, std::uint64_t cookie);

}  // namespace bell
