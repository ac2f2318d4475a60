// SPDX-License-Identifier: BSD-3-Clause
//
// The claims about a single eventfd, tried out.
#include "guest-kmod/bell/compare/report/result.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "guest-kmod/bell/compare/mechanisms/lab_session.hpp"
#include "guest-kmod/bell/compare/mechanisms/mechanism.hpp"

namespace bell::compare {
namespace {

using bellwire::os::UniqueFd;

constexpr std::uint64_t most = ~std::uint64_t{0} - 1;  // that a write may reach

UniqueFd event() noexcept {
  return UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

short polled(int fd) noexcept {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  ::poll(&entry, 1, 0);
  return entry.revents;
}

// How many of three looks in a row, without a read between them, find the eventfd ready.
int looks_by_poll(int fd) noexcept {
  int ready = 0;
  for (int look = 0; look < 3; ++look) ready += (polled(fd) & POLLIN) != 0 ? 1 : 0;
  return ready;
}

int looks_by_epoll(int fd, std::uint32_t how) noexcept {
  const UniqueFd set(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event interest{.events = EPOLLIN | how, .data = {}};
  ::epoll_ctl(set.get(), EPOLL_CTL_ADD, fd, &interest);
  int ready = 0;
  for (int look = 0; look < 3; ++look) ready += ::epoll_wait(set.get(), &interest, 1, 0);
  return ready;
}

const char* shown(short events) noexcept {
  return (events & POLLERR) != 0 ? "POLLERR" : "no POLLERR";
}

}  // namespace

Claim read_clears_and_poll_does_not() {
  const auto wire = event();
  write_number(wire.get(), 1);
  const int poll = looks_by_poll(wire.get()), level = looks_by_epoll(wire.get(), 0),
            edge = looks_by_epoll(wire.get(), EPOLLET);
  std::uint64_t count = 0;
  const bool was_there = ::read(wire.get(), &count, sizeof count) == sizeof count && count == 1;
  const bool cleared = (polled(wire.get()) & POLLIN) == 0;
  return {
      "read clears the count; poll does not, so a second poll returns at once",
      bellwire::text("after one notification, of 3 looks poll found {} ready, epoll {} by level "
                     "and {} by edge; then read took {}, and poll found {}",
                     poll, level, edge, count, cleared ? "nothing" : "it ready still"),
      poll == 3 && level == 3 && was_there && cleared ? held : refuted};
}

Claim only_the_kernel_overflows() {
  Claim claim{"at ULLONG_MAX the count overflows, which poll reports by POLLERR", "", unknown};
  const auto wire = event();
  const bool filled = write_number(wire.get(), most);
  const bool refused = !write_number(wire.get(), 1) && errno == EAGAIN;
  const auto by_user = polled(wire.get());
  LabSession lab;
  auto signalled = lab.open();
  if (signalled) signalled = lab.signal(wire.get(), 1);
  if (!signalled) {
    claim.measured = signalled.error().message;
    return claim;
  }
  const auto by_kernel = polled(wire.get());
  claim.measured = bellwire::text(
      "a process wrote ULLONG_MAX - 1 ({}), one more was {}, {}; after one signal by the kernel: "
      "{}",
      filled ? "taken" : "refused", refused ? "refused" : "taken", shown(by_user),
      shown(by_kernel));
  const bool so = filled && refused && (by_user & POLLERR) == 0 && (by_kernel & POLLERR) != 0;
  claim.verdict = so ? held : refuted;
  return claim;
}

}  // namespace bell::compare
