// SPDX-License-Identifier: BSD-3-Clause
//
// EventFd: a wire. One side rings, which adds to a count in the kernel; the other waits until the
// count isn't zero, and drains it. No call here ever sleeps except wait().
//
// There are two kinds. An eventfd of ours is one that nobody else ever gets: it is non-blocking and
// stays so, and is written and read as it is. A shared one came from a peer, or goes to one, who
// may do anything to it at any moment: it is used as shared_event.hpp says, and keeps its flags.
// Duplicates are of the same kind.
//
// Safe to use from any thread. Source: docs/semantics.md, 1 to 9.
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
  /// One of ours; a peer never gets its descriptor. EMFILE, ENFILE, ENOMEM.
  [[nodiscard]] static Result<EventFd> create(std::uint64_t count = 0);

  /// A shared one, to hand out. As create(), and what prepare_signals() says.
  [[nodiscard]] static Result<EventFd> create_shared();

  /// Takes a descriptor that came from elsewhere: a shared one. EINVAL if it is no eventfd; what
  /// prepare_signals() says.
  [[nodiscard]] static Result<EventFd> adopt(UniqueFd fd);

  /// Adds `count`, or to a shared one just 1. False when the count would pass its maximum: whoever
  /// waits is awake already.
  bool ring(std::uint64_t count = 1) const noexcept;

  /// Takes the whole count, or 1 of a semaphore's; empty if it is zero.
  std::optional<std::uint64_t> drain() const noexcept;

  /// Waits until there is a count to drain. False when `timeout` passed first.
  [[nodiscard]] bool wait(std::chrono::milliseconds timeout) const noexcept;

  /// From now on this descriptor leads where `other`'s did, for all who use it just then, too.
  /// False, and nothing was done: the two are not of one kind, or the system refused.
  [[nodiscard]] bool replace(const EventFd& other) noexcept;

  [[nodiscard]] Result<EventFd> duplicate() const;
  [[nodiscard]] bool shared() const noexcept { return shared_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] UniqueFd release() && noexcept { return std::move(fd_); }

 private:
  EventFd(UniqueFd fd, bool shared) noexcept : fd_(std::move(fd)), shared_(shared) {}
  UniqueFd fd_;
  bool shared_;
};

/// As many new ones; none if one can't be had.
[[nodiscard]] Result<std::vector<EventFd>> create_events(unsigned count);
[[nodiscard]] Result<std::vector<EventFd>> create_shared_events(unsigned count);

/// A duplicate of each.
[[nodiscard]] Result<std::vector<EventFd>> duplicate(const std::vector<EventFd>& events);

}  // namespace bellwire::os
