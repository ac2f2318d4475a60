// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/core/interrupt.hpp"

#include <thread>

namespace bellwire::detail {
namespace {

constexpr std::uint32_t is_bound = 1U << 31;
constexpr std::uint32_t is_pending = 1U << 30;
constexpr std::uint32_t users = is_pending - 1;

}  // namespace

// Counts itself as a user first, so that an eventfd that it finds bound stays.
void InterruptTarget::raise() noexcept {
  auto state = state_.fetch_add(1, std::memory_order_acquire) + 1;
  while ((state & is_bound) == 0)
    if (state_.compare_exchange_weak(state, (state | is_pending) - 1, std::memory_order_acq_rel,
                                     std::memory_order_acquire))
      return;
  event_->ring();
  state_.fetch_sub(1, std::memory_order_release);
}

int InterruptTarget::fd() noexcept {
  const auto state = state_.fetch_add(1, std::memory_order_acquire);
  const int fd = (state & is_bound) != 0 ? event_->fd() : -1;
  state_.fetch_sub(1, std::memory_order_release);
  return fd;
}

void InterruptTarget::bind(os::EventFd event) noexcept {
  const std::lock_guard lock(binders_);
  if (event_ && event_->replace(event)) return;
  take_event();
  event_ = std::move(event);
  auto state = state_.load(std::memory_order_relaxed);
  while (!state_.compare_exchange_weak(state, (state | is_bound) & ~is_pending,
                                       std::memory_order_acq_rel, std::memory_order_relaxed)) {
  }
  if ((state & is_pending) != 0) event_->ring();
}

std::optional<os::EventFd> InterruptTarget::unbind() noexcept {
  const std::lock_guard lock(binders_);
  return take_event();
}

// Those who found it bound write a count, and no more: that never sleeps, and is soon over.
std::optional<os::EventFd> InterruptTarget::take_event() noexcept {
  state_.fetch_and(~is_bound, std::memory_order_acq_rel);
  while ((state_.load(std::memory_order_acquire) & users) != 0) std::this_thread::yield();
  return std::exchange(event_, std::nullopt);
}

bool InterruptTarget::pending() const noexcept {
  return (state_.load(std::memory_order_acquire) & is_pending) != 0;
}

void InterruptTarget::clear() noexcept {
  state_.fetch_and(~is_pending, std::memory_order_acq_rel);
}

}  // namespace bellwire::detail
