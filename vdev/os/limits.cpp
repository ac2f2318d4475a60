// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/limits.hpp"

#include <sys/resource.h>

namespace bellwire::os {

Result<void> ensure_fds(std::uint64_t fds) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return system_fault("cannot read the fd limit");
  if (limit.rlim_cur >= fds) return {};
  if (limit.rlim_max < fds)
    return fault(std::errc::too_many_files_open,
                 "{} file descriptors are needed, the limit is {}; ask for less or raise it "
                 "(ulimit -n {})",
                 fds, limit.rlim_max, fds);
  limit.rlim_cur = fds;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    return system_fault("cannot raise the fd limit to {}", fds);
  return {};
}

}  // namespace bellwire::os
