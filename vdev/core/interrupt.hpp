// SPDX-License-Identifier: BSD-3-Clause
//
// An interrupt has two ends. The transport owns an InterruptLine, which leads to the guest when it
// is bound to an eventfd and nowhere when it isn't; it may be bound late, and again, since guests
// come and go. The device has an Interrupt, and raises it without knowing. What is raised while
// the line is unbound is *pending*: binding raises it, once, however often it was.
//
// Both ends may be used from any thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "vdev/os/event_fd.hpp"

namespace bellwire {

namespace detail {
struct InterruptTarget {
  std::mutex mutex;
  std::optional<os::EventFd> event;  // protected by mutex
  bool pending = false;              // protected by mutex
};
}  // namespace detail

class Interrupt {
 public:
  void raise() const noexcept;

  /// The eventfd that the line leads to now, for a transport that wires kernel to kernel; -1 when
  /// there is none. It is the line's: valid until the line is bound anew.
  [[nodiscard]] int fd() const noexcept;

 private:
  friend class InterruptLine;
  explicit Interrupt(std::shared_ptr<detail::InterruptTarget> target)
      : target_(std::move(target)) {}
  std::shared_ptr<detail::InterruptTarget> target_;
};

class InterruptLine {
 public:
  InterruptLine() : target_(std::make_shared<detail::InterruptTarget>()) {}
  explicit InterruptLine(os::EventFd event) : InterruptLine() { bind(std::move(event)); }

  void bind(os::EventFd event) noexcept;
  /// The eventfd that it led to, for who wants to bind it again.
  std::optional<os::EventFd> unbind() noexcept;
  [[nodiscard]] bool pending() const noexcept;
  /// Forgets what is pending.
  void clear() noexcept;
  [[nodiscard]] Interrupt interrupt() const { return Interrupt(target_); }

 private:
  std::shared_ptr<detail::InterruptTarget> target_;
};

}  // namespace bellwire
