// SPDX-License-Identifier: BSD-3-Clause
//
// Starting a thread, where the system may let there be no more.
#pragma once

#include <system_error>
#include <thread>
#include <utility>

namespace bellwire::os {

/// A thread that runs `what`. Throws std::system_error if there can be none, EAGAIN; it says what
/// to do.
template <class What>
[[nodiscard]] std::thread start_thread(What what) try {
  return std::thread(std::move(what));
} catch (const std::system_error& error) {
  throw std::system_error(error.code(),
                          "cannot start a thread; raise the limit of processes (ulimit -u) or of "
                          "memory (ulimit -v)");
}

}  // namespace bellwire::os
