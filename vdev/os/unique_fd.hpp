// SPDX-License-Identifier: BSD-3-Clause
//
// UniqueFd: the one owner of a file descriptor.
#pragma once

#include <utility>

namespace bellwire::os {

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

  /// A second descriptor of the same file; invalid (errno tells why) if there are no more.
  [[nodiscard]] UniqueFd duplicate() const noexcept;

 private:
  int fd_ = -1;
};

/// The same for a descriptor that somebody else owns.
[[nodiscard]] UniqueFd duplicate(int fd) noexcept;

}  // namespace bellwire::os
