// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace bellwire::os {

void UniqueFd::reset(int fd) noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

UniqueFd UniqueFd::duplicate() const noexcept {
  return os::duplicate(fd_);
}

UniqueFd duplicate(int fd) noexcept {
  return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

}  // namespace bellwire::os
