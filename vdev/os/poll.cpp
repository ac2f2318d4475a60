// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/poll.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>

namespace bellwire::os {
namespace {

bool wait_for(short what, int fd, std::chrono::milliseconds timeout) noexcept {
  using clock = std::chrono::steady_clock;
  const auto deadline = clock::now() + timeout;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now());
    pollfd entry{.fd = fd, .events = what, .revents = 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::max<long>(left.count(), 0)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

}  // namespace

bool wait_readable(int fd, std::chrono::milliseconds timeout) noexcept {
  return wait_for(POLLIN, fd, timeout);
}

bool wait_writable(int fd, std::chrono::milliseconds timeout) noexcept {
  return wait_for(POLLOUT, fd, timeout);
}

}  // namespace bellwire::os
