// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/fd.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <iterator>

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

Result<void> ensure_more_fds(std::uint64_t fds) {
  std::error_code error;
  const std::filesystem::directory_iterator open("/proc/self/fd", error);
  if (error)
    return Error{error, "cannot count the open descriptors in /proc/self/fd: " + error.message()};
  // One of them is the folder's own.
  return ensure_fds(fds + static_cast<std::uint64_t>(std::distance(begin(open), end(open))) - 1);
}

bool temporary(const std::error_code& code) noexcept {
  constexpr std::array codes{EMFILE,       ENFILE, ENOBUFS, ENOMEM,      ENOSPC,
                             ETOOMANYREFS, EAGAIN, EINTR,   ECONNABORTED};
  // std::errc lacks ETOOMANYREFS, so both categories are compared by number.
  const bool numbered =
      code.category() == std::system_category() || code.category() == std::generic_category();
  return numbered && std::ranges::find(codes, code.value()) != codes.end();
}

Error descriptor_shortage() {
  const UniqueFd probe(::eventfd(0, EFD_CLOEXEC));
  if (!probe.valid() && errno != EMFILE) return system_fault("a descriptor could not be received");
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return fault(std::errc::too_many_files_open,
               "a descriptor could not be received: of the {} that this process may have, none {} "
               "free; raise the limit (ulimit -n)",
               limit.rlim_cur, probe.valid() ? "was" : "is");
}

}  // namespace bellwire::os
