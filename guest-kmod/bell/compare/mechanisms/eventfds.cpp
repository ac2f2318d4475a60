// SPDX-License-Identifier: BSD-3-Clause
//
// eventfd, and the ways to wait for it. Only read() resets the count, so poll and epoll are
// followed by a read.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "guest-kmod/bell/compare/mechanisms/mechanism.hpp"
#include "vdev/os/fd.hpp"

namespace bell::compare {
namespace {

using bellwire::os::UniqueFd;

Received read_count(int fd) noexcept {
  std::uint64_t count = 0;
  return {::read(fd, &count, sizeof count) == sizeof count ? count : 0, 0};
}

template <int flags>
class EventFdRead final : public Channel {
 public:
  Result<void> open() override {
    event_.reset(::eventfd(0, EFD_CLOEXEC | flags));
    if (!event_.valid()) return bellwire::system_fault("cannot make an eventfd");
    return {};
  }
  Ends ends() const noexcept override { return {event_.get(), event_.get()}; }
  bool send(std::uint64_t) noexcept override { return write_number(event_.get(), 1); }
  Received wait(Numbers) noexcept override { return read_count(event_.get()); }

 private:
  UniqueFd event_;
};

class EventFdPoll final : public Channel {
 public:
  Result<void> open() override {
    event_.reset(::eventfd(0, EFD_CLOEXEC));
    if (!event_.valid()) return bellwire::system_fault("cannot make an eventfd");
    return {};
  }
  Ends ends() const noexcept override { return {event_.get(), event_.get()}; }
  bool send(std::uint64_t) noexcept override { return write_number(event_.get(), 1); }
  Received wait(Numbers) noexcept override {
    pollfd entry{.fd = event_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&entry, 1, -1) == 1 ? read_count(event_.get()) : Received{};
  }

 private:
  UniqueFd event_;
};

class EventFdEpoll final : public Channel {
 public:
  Result<void> open() override {
    event_.reset(::eventfd(0, EFD_CLOEXEC));
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event interest{.events = EPOLLIN, .data = {}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event_.get(), &interest) != 0)
      return bellwire::system_fault("cannot make an epoll set with an eventfd");
    return {};
  }
  Ends ends() const noexcept override { return {event_.get(), event_.get()}; }
  bool send(std::uint64_t) noexcept override { return write_number(event_.get(), 1); }
  Received wait(Numbers) noexcept override {
    epoll_event happened{};
    return ::epoll_wait(epoll_.get(), &happened, 1, -1) == 1 ? read_count(event_.get())
                                                             : Received{};
  }

 private:
  UniqueFd event_, epoll_;
};

constexpr Mechanism eventfd_rows[] = {
    {"eventfd, read", "write adds, read takes all", "eventfds.cpp:EventFdRead",
     make<EventFdRead<0>>},
    {"eventfd, poll", "poll, then read", "eventfds.cpp:EventFdPoll", make<EventFdPoll>},
    {"eventfd, epoll", "epoll_wait, then read", "eventfds.cpp:EventFdEpoll", make<EventFdEpoll>},
    {"eventfd, semaphore", "EFD_SEMAPHORE: read takes one", "eventfds.cpp:EventFdRead",
     make<EventFdRead<EFD_SEMAPHORE>>},
};

}  // namespace

std::span<const Mechanism> eventfds() {
  return eventfd_rows;
}

}  // namespace bell::compare
