// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/event_fd.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "vdev/os/poll.hpp"
#include "vdev/os/shared_event.hpp"

namespace bellwire::os {
namespace {

// The kernel names an eventfd's file so in /proc; there is no other way to ask what a
// descriptor is without disturbing its count.
bool names_an_eventfd(int fd) {
  std::array<char, 64> target{};
  const auto link = text("/proc/self/fd/{}", fd);
  const auto length = ::readlink(link.c_str(), target.data(), target.size());
  return length > 0 && std::string_view(target.data(), static_cast<std::size_t>(length)) ==
                           "anon_inode:[eventfd]";
}

}  // namespace

Result<EventFd> EventFd::create(std::uint64_t count) {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.valid()) return system_fault("cannot make an eventfd");
  EventFd event(std::move(fd), false);
  if (count > 0 && !event.ring(count))
    return fault(std::errc::invalid_argument, "an eventfd cannot begin at {}", count);
  return event;
}

Result<EventFd> EventFd::create_shared() {
  auto event = create();
  if (!event) return event.error();
  if (auto prepared = prepare_signals(); !prepared) return prepared.error();
  event->shared_ = true;
  return event;
}

Result<EventFd> EventFd::adopt(UniqueFd fd) {
  if (!names_an_eventfd(fd.get()))
    return fault(std::errc::invalid_argument, "descriptor {} is not an eventfd", fd.get());
  if (auto prepared = prepare_signals(); !prepared) return prepared.error();
  return EventFd(std::move(fd), true);
}

bool EventFd::ring(std::uint64_t count) const noexcept {
  if (shared_) return signal_event(fd_.get());
  return ::write(fd_.get(), &count, sizeof count) == sizeof count;
}

std::optional<std::uint64_t> EventFd::drain() const noexcept {
  if (shared_) return take_count(fd_.get());
  std::uint64_t count = 0;
  if (::read(fd_.get(), &count, sizeof count) != sizeof count) return std::nullopt;
  return count;
}

bool EventFd::wait(std::chrono::milliseconds timeout) const noexcept {
  return wait_readable(fd_.get(), timeout);
}

bool EventFd::replace(const EventFd& other) noexcept {
  return shared_ == other.shared_ && ::dup3(other.fd_.get(), fd_.get(), O_CLOEXEC) >= 0;
}

Result<EventFd> EventFd::duplicate() const {
  UniqueFd copy = fd_.duplicate();
  if (!copy.valid()) return system_fault("cannot duplicate eventfd {}", fd_.get());
  return EventFd(std::move(copy), shared_);
}

namespace {

Result<std::vector<EventFd>> create_many(unsigned count, Result<EventFd> (*create)()) {
  std::vector<EventFd> events;
  while (events.size() < count) {
    auto event = create();
    if (!event) return event.error();
    events.push_back(std::move(*event));
  }
  return events;
}

}  // namespace

Result<std::vector<EventFd>> create_events(unsigned count) {
  return create_many(count, [] { return EventFd::create(); });
}

Result<std::vector<EventFd>> create_shared_events(unsigned count) {
  return create_many(count, [] { return EventFd::create_shared(); });
}

Result<std::vector<EventFd>> duplicate(const std::vector<EventFd>& events) {
  std::vector<EventFd> copies;
  for (const auto& event : events) {
    auto copy = event.duplicate();
    if (!copy) return copy.error();
    copies.push_back(std::move(*copy));
  }
  return copies;
}

}  // namespace bellwire::os
