// SPDX-License-Identifier: BSD-3-Clause
//
// An interrupt has two ends. The transport owns an InterruptLine: bound to an eventfd it leads to
// the guest, unbound nowhere. It may be bound late and repeatedly, since guests come and go. The
// device has the Interrupt, and raises it without knowing which. An interrupt raised while the line
// is unbound is *pending*: binding raises it once, however often it was raised.
//
// Both ends may be used from any thread. raise() never waits; unbind() waits for threads that are
// writing the eventfd at that moment.
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
/// What the two ends share.
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

  /// The descriptor of the eventfd that the line is bound to, for a transport that connects kernel
  /// to kernel; -1 if unbound. The line owns it: it is valid until the line is bound again.
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
  /// Returns the eventfd that it was bound to, for a caller that wants to bind it again.
  std::optional<os::EventFd> unbind() noexcept { return target_->unbind(); }
  [[nodiscard]] bool pending() const noexcept { return target_->pending(); }
  /// Forgets a pending interrupt.
  void clear() noexcept { target_->clear(); }
  [[nodiscard]] Interrupt interrupt() const { return Interrupt(target_); }

 private:
  std::shared_ptr<detail::InterruptTarget> target_;
};

}  // namespace bellwire
