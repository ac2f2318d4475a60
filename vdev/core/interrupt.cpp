// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/core/interrupt.hpp"

namespace bellwire {

void Interrupt::raise() const noexcept {
  const std::lock_guard lock(target_->mutex);
  if (target_->event)
    target_->event->ring();
  else
    target_->pending = true;
}

int Interrupt::fd() const noexcept {
  const std::lock_guard lock(target_->mutex);
  return target_->event ? target_->event->fd() : -1;
}

void InterruptLine::bind(os::EventFd event) noexcept {
  const std::lock_guard lock(target_->mutex);
  target_->event = std::move(event);
  if (std::exchange(target_->pending, false)) target_->event->ring();
}

std::optional<os::EventFd> InterruptLine::unbind() noexcept {
  const std::lock_guard lock(target_->mutex);
  return std::exchange(target_->event, std::nullopt);
}

bool InterruptLine::pending() const noexcept {
  const std::lock_guard lock(target_->mutex);
  return target_->pending;
}

void InterruptLine::clear() noexcept {
  const std::lock_guard lock(target_->mutex);
  target_->pending = false;
}

}  // namespace bellwire
