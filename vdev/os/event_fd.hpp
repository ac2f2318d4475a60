// SPDX-License-Identifier: BSD-3-Clause
//
// EventFd: a wire. One side rings, which adds to a count in the kernel; the other waits until the
// count isn't zero, and drains it. Always non-blocking, so that no call here ever sleeps except
// wait(). Safe to use from any thread. Source: docs/semantics.md, 1 to 9.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "vdev/os/result.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bellwire::os {

class EventFd {
 public:
  /// EMFILE, ENFILE, ENOMEM.
  [[nodiscard]] static Result<EventFd> create(std::uint64_t count = 0);

  /// Takes a descriptor that came from elsewhere. EINVAL if it is no eventfd.
  [[nodiscard]] static Result<EventFd> adopt(UniqueFd fd);

  /// Adds `count`. False when the count would pass its maximum: whoever waits is awake already.
  bool ring(std::uint64_t count = 1) const noexcept;

  /// Takes the whole count; empty if it is zero.
  std::optional<std::uint64_t> drain() const noexcept;

  /// Waits until there is a count to drain. False when `timeout` passed first.
  [[nodiscard]] bool wait(std::chrono::milliseconds timeout) const noexcept;

  /// From now on this descriptor leads where `other`'s did, for all who use it just then, too.
  void replace(EventFd other) noexcept;

  [[nodiscard]] Result<EventFd> duplicate() const;
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] UniqueFd release() && noexcept { return std::move(fd_); }

 private:
  explicit EventFd(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// As many new ones; none if one can't be had.
[[nodiscard]] Result<std::vector<EventFd>> create_events(unsigned count);

/// A duplicate of each.
[[nodiscard]] Result<std::vector<EventFd>> duplicate(const std::vector<EventFd>& events);

}  // namespace bellwire::os
