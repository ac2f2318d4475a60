// SPDX-License-Identifier: BSD-3-Clause
//
// In place of vdev/os/event_fd.cpp: counts of the world's. A descriptor is still one of the
// kernel's, so that each has a number of its own; nothing is ever written to it. Its duplicates are
// known by system/calls.cpp.
#include "vdev/os/event_fd.hpp"

#include <sys/eventfd.h>

#include "vdev/simulate/world.hpp"

namespace bellwire::os {

using simulate::World;

Result<EventFd> EventFd::create(std::uint64_t count) {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC));
  if (!fd.valid()) return system_fault("cannot make an eventfd");
  World::current()->add_event(fd.get(), count);
  return EventFd(std::move(fd), false);
}

Result<EventFd> EventFd::create_shared() {
  return create();
}

Result<EventFd> EventFd::adopt(UniqueFd fd) {
  if (!World::current()->is_event(fd.get()))
    return fault(std::errc::invalid_argument, "descriptor {} is not an eventfd", fd.get());
  return EventFd(std::move(fd), true);
}

bool EventFd::ring(std::uint64_t count) const noexcept {
  World::current()->ring(fd_.get(), count);
  return true;
}

std::optional<std::uint64_t> EventFd::drain() const noexcept {
  const auto count = World::current()->take(fd_.get());
  return count == 0 ? std::nullopt : std::optional(count);
}

bool EventFd::wait(std::chrono::milliseconds timeout) const noexcept {
  auto& world = *World::current();
  auto* const process = world.running();
  const auto until = world.now() + timeout;
  world.set_reader(fd_.get(), process);
  while (world.count(fd_.get()) == 0 && world.now() < until && !process->killed())
    process->wait_until(until);
  return world.count(fd_.get()) > 0;
}

bool EventFd::replace(const EventFd& other) noexcept {
  if (shared_ != other.shared_) return false;
  World::current()->alias_event(fd_.get(), other.fd_.get());
  return true;
}

Result<EventFd> EventFd::duplicate() const {
  UniqueFd copy = fd_.duplicate();
  if (!copy.valid()) return system_fault("cannot duplicate eventfd {}", fd_.get());
  return EventFd(std::move(copy), shared_);
}

Result<void> prepare_signals() {
  return {};
}

bool signal_event(int fd) noexcept {
  World::current()->ring(fd, 1);
  return true;
}

std::optional<std::uint64_t> take_count(int fd) noexcept {
  const auto count = World::current()->take(fd);
  return count == 0 ? std::nullopt : std::optional(count);
}

bool has_count(int fd) noexcept {
  return fd >= 0 && World::current()->count(fd) > 0;
}

}  // namespace bellwire::os
