// SPDX-License-Identifier: BSD-3-Clause
//
// Waiting for one descriptor with a bound, for tests, handshakes and plain programs.
#pragma once

#include <chrono>

namespace bellwire::os {

/// Until `fd` is readable (or hung up). False when `timeout` passed first.
[[nodiscard]] bool wait_readable(int fd, std::chrono::milliseconds timeout) noexcept;

/// Until `fd` takes something to write (or hung up).
[[nodiscard]] bool wait_writable(int fd, std::chrono::milliseconds timeout) noexcept;

}  // namespace bellwire::os
