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

void InterruptLine::unbind() noexcept {
  const std::lock_guard lock(target_->mutex);
  target_->event.reset();
}

}  // namespace bellwire
