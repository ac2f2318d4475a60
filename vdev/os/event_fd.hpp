// SPDX-License-Identifier: BSD-3-Clause
//
// EventFd: a wire. One side rings, which adds to a count in the kernel; the other waits until the
// count isn't zero, and drains it. No call here ever sleeps except wait().
//
// There are two kinds. A private eventfd never leaves this process: it is non-blocking, stays so,
// and is read and written directly. A shared one came from a peer or goes to one, who may do
// anything to it at any moment: it is used only through signal_event() and take_count() below, and
// its flags are left alone. A duplicate is of the same kind as its original.
//
// Safe to use from any thread. Source: docs/semantics.md, 1 to 9.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "vdev/os/fd.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::os {

class EventFd {
 public:
  /// A private one, whose descriptor no peer ever gets. EMFILE, ENFILE, ENOMEM.
  [[nodiscard]] static Result<EventFd> create(std::uint64_t count = 0);

  /// A shared one, to hand to a peer. Errors of create() and of prepare_signals().
  [[nodiscard]] static Result<EventFd> create_shared();

  /// Takes over a descriptor that came from a peer: a shared one. EINVAL: it is not an eventfd;
  /// errors of prepare_signals().
  [[nodiscard]] static Result<EventFd> adopt(UniqueFd fd);

  /// Adds `count`; to a shared one always 1. False: the count would pass its maximum, so whoever
  /// waits is awake anyway.
  bool ring(std::uint64_t count = 1) const noexcept;

  /// Takes the whole count, or 1 from a semaphore. Empty: the count is zero.
  std::optional<std::uint64_t> drain() const noexcept;

  /// Waits until there is a count to drain. False: `timeout` passed first.
  [[nodiscard]] bool wait(std::chrono::milliseconds timeout) const noexcept;

  /// Makes this descriptor refer to `other`'s eventfd, also for threads that are using it right
  /// now. False, with nothing changed: the two are of different kinds, or the system refused.
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

/// `count` new ones, or an error and none.
[[nodiscard]] Result<std::vector<EventFd>> create_events(unsigned count);
[[nodiscard]] Result<std::vector<EventFd>> create_shared_events(unsigned count);

/// A duplicate of each.
[[nodiscard]] Result<std::vector<EventFd>> duplicate(const std::vector<EventFd>& events);

// What may be done to an eventfd that a peer has as well. The flags of an open file belong to all
// who share it: the peer may clear O_NONBLOCK at any moment, fill the count, or drain it between
// our poll and our read. A plain read or write could therefore sleep for as long as the peer likes.
// The functions below never sleep, whatever the peer does, and neither read nor change its flags.
//
// A single read can be made non-blocking (RWF_NOWAIT); a single write can't. So the kernel adds to
// the count for us, as it does for its own users (KVM, vfio), which never sleeps: at the end of an
// asynchronous read of zero bytes. Any thread. Reasons and costs: docs/decisions/README.md, "A
// peer's eventfd is rung by the kernel".

/// Creates what signal_event() needs, once per process. ENOSYS, EPERM: the kernel is built without
/// asynchronous I/O, or a sandbox forbids it; EAGAIN: other processes use up all contexts; EMFILE,
/// ENFILE, ENOMEM.
[[nodiscard]] Result<void> prepare_signals();

/// Adds 1. A full count stays full, and its reader is woken. False: `fd` is not an eventfd, or the
/// system is out of memory.
bool signal_event(int fd) noexcept;

/// Takes the count, or 1 from a semaphore. Empty: the count is zero. Kernels before 5.8 can't read
/// that way: there the count stays and 1 is returned, so wait for the next ring edge-triggered.
std::optional<std::uint64_t> take_count(int fd) noexcept;

/// Whether it has a count, which stays. False for -1.
[[nodiscard]] bool has_count(int fd) noexcept;

}  // namespace bellwire::os
