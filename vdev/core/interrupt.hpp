// SPDX-License-Identifier: BSD-3-Clause
//
// An interrupt has two ends. The transport owns an InterruptLine, which leads to the guest when it
// is bound to an eventfd and nowhere when it isn't; it may be bound late, and again, since guests
// come and go. The device has an Interrupt, and raises it without knowing. What is raised while
// the line is unbound is *pending*: binding raises it, once, however often it was.
//
// Both ends may be used from any thread. Who raises waits for nobody; who unbinds waits for those
// who just then write the eventfd.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "vdev/os/event_fd.hpp"

namespace bellwire {

namespace detail {
class InterruptTarget {
 public:
  void raise() noexcept;
  [[nodiscard]] int fd() noexcept;
  void bind(os::EventFd event) noexcept;
  std::optional<os::EventFd> unbind() noexcept;
  [[nodiscard]] bool pending() const noexcept;
  void clear() noexcept;

 private:
  std::optional<os::EventFd> take_event() noexcept;  // with binders_

  std::atomic<std::uint32_t> state_ = 0;  // bound, pending, and how many use the eventfd just now
  std::mutex binders_;
  std::optional<os::EventFd> event_;  // written by a binder, while unbound and without users
};
}  // namespace detail

class Interrupt {
 public:
  void raise() const noexcept { target_->raise(); }

  /// The eventfd that the line leads to now, for a transport that wires kernel to kernel; -1 when
  /// there is none. It is the line's: valid until the line is bound anew.
  [[nodiscard]] int fd() const noexcept { return target_->fd(); }

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

  void bind(os::EventFd event) noexcept { target_->bind(std::move(event)); }
  /// The eventfd that it led to, for who wants to bind it again.
  std::optional<os::EventFd> unbind() noexcept { return target_->unbind(); }
  [[nodiscard]] bool pending() const noexcept { return target_->pending(); }
  /// Forgets what is pending.
  void clear() noexcept { target_->clear(); }
  [[nodiscard]] Interrupt interrupt() const { return Interrupt(target_); }

 private:
  std::shared_ptr<detail::InterruptTarget> target_;
};

}  // namespace bellwire
