// SPDX-License-Identifier: BSD-3-Clause
//
// File descriptors: their one owner, waiting for one with a bound, and how many of them the system
// lets this process have. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include "vdev/os/result.hpp"

namespace bellwire::os {

/// The one owner of a file descriptor: closes it when dropped.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept;

  /// A second descriptor of the same file; invalid, with errno set, if the system refuses.
  [[nodiscard]] UniqueFd duplicate() const noexcept;

 private:
  int fd_ = -1;
};

/// A second descriptor of the file behind a descriptor that somebody else owns.
[[nodiscard]] UniqueFd duplicate(int fd) noexcept;

// Waiting for one descriptor with a time limit, for tests, handshakes and plain programs.

/// Waits until `fd` is readable or hung up. False: `timeout` passed first.
[[nodiscard]] bool wait_readable(int fd, std::chrono::milliseconds timeout) noexcept;

/// Waits until `fd` is writable or hung up. False: `timeout` passed first.
[[nodiscard]] bool wait_writable(int fd, std::chrono::milliseconds timeout) noexcept;

// The limits that the system sets for this process.

/// Makes sure that the process may have `fds` descriptors open, raising its soft limit if
/// necessary. EMFILE: the hard limit is lower.
[[nodiscard]] Result<void> ensure_fds(std::uint64_t fds);

/// The same for `fds` more than are open now.
[[nodiscard]] Result<void> ensure_more_fds(std::uint64_t fds);

/// Whether the call that failed with `code` may succeed if it is simply repeated later: the system
/// was short of something (EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC from epoll, ETOOMANYREFS), was
/// busy (EAGAIN, EINTR), or a connection was aborted before it was accepted (ECONNABORTED).
[[nodiscard]] bool temporary(const std::error_code& code) noexcept;

/// Why this process could not get one more descriptor: EMFILE with the limit, or ENFILE. For use
/// where the kernel dropped a received descriptor without saying why.
[[nodiscard]] Error descriptor_shortage();

}  // namespace bellwire::os
