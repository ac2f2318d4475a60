// SPDX-License-Identifier: BSD-3-Clause
//
// Judges the note's claims: those about a single eventfd by trying them out here, the others by the
// results of this run.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "guest-kmod/bell/compare/mechanisms/lab_mechanisms.hpp"
#include "guest-kmod/bell/compare/mechanisms/mechanism.hpp"
#include "guest-kmod/bell/compare/report/result.hpp"

namespace bell::compare {
namespace {

using bellwire::text;
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

Claim read_clears_and_poll_does_not() {
  const auto wire = event();
  write_number(wire.get(), 1);
  const int poll = looks_by_poll(wire.get()), level = looks_by_epoll(wire.get(), 0),
            edge = looks_by_epoll(wire.get(), EPOLLET);
  std::uint64_t count = 0;
  const bool was_there = ::read(wire.get(), &count, sizeof count) == sizeof count && count == 1;
  const bool cleared = (polled(wire.get()) & POLLIN) == 0;
  return {"read clears the count; poll does not, so a second poll returns at once",
          text("after one notification, of 3 looks poll found {} ready, epoll {} by level "
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
  claim.measured = text(
      "a process wrote ULLONG_MAX - 1 ({}), one more was {}, {}; after one signal by the kernel: "
      "{}",
      filled ? "taken" : "refused", refused ? "refused" : "taken", shown(by_user),
      shown(by_kernel));
  const bool so = filled && refused && (by_user & POLLERR) == 0 && (by_kernel & POLLERR) != 0;
  claim.verdict = so ? held : refuted;
  return claim;
}

using Rows = std::vector<MechanismResult>;

constexpr double noise = 1.2;  // no run can tell figures within this factor apart

double p50(const MechanismResult& row) {
  return static_cast<double>(row.measurement->latency.times.percentile(0.5)) / 1000;
}
unsigned lines(const MechanismResult& row) {
  return row.user_lines + row.kernel_lines;
}

// A row that was measured, or null.
const MechanismResult* find(const Rows& rows, std::string_view direction, std::string_view name) {
  for (const auto& row : rows)
    if (row.direction == direction && row.name == name && row.measurement) return &row;
  return nullptr;
}

// Whether `more` is above `less`.
const char* above(double more, double less) {
  if (more < less * noise && less < more * noise) return close;
  return more > less ? held : refuted;
}

const MechanismResult* fastest_sleeper(const Rows& rows, std::string_view direction) {
  const MechanismResult* best = nullptr;
  for (const auto& row : rows) {
    const bool sleeps = row.name.find("spin") == row.name.npos;
    const bool other = row.name.find("eventfd") == row.name.npos;
    if (row.direction != direction || !row.measurement || !sleeps || !other) continue;
    if (best == nullptr || p50(row) < p50(*best)) best = &row;
  }
  return best;
}

Claim no_sleep(const Rows& rows) {
  Claim claim{"eventfd_signal may be called where one must not sleep", "", unknown};
  if (const auto* row = find(rows, kernel_to_user, "eventfd, from hard irq")) {
    const bool so = row->measurement->semantics.from_hardirq.value_or(false);
    claim.measured = text("{} notifications from a timer's hard interrupt, p50 {:.1f} µs; {}",
                          row->measurement->latency.count, p50(*row),
                          so ? "the module saw in_hardirq()" : "not in a hard interrupt");
    claim.verdict = so ? held : refuted;
  }
  return claim;
}

Claim fastest(const Rows& rows) {
  Claim claim{"eventfd is the fastest way for the kernel to wake a process", "", unknown};
  const auto* event = find(rows, kernel_to_user, "eventfd, read");
  const auto* other = fastest_sleeper(rows, kernel_to_user);
  if (event && other) {
    claim.measured = text("p50 {:.1f} µs by eventfd; the best other that sleeps: {}, {:.1f} µs",
                          p50(*event), other->name, p50(*other));
    claim.verdict = above(p50(*other), p50(*event));
  }
  return claim;
}

Claim set_up(const Rows& rows) {
  Claim claim{"the set-up of an eventfd costs more than that of netlink", "", unknown};
  const auto* event = find(rows, kernel_to_user, "eventfd, read");
  const auto* netlink = find(rows, kernel_to_user, "generic netlink unicast");
  if (event && netlink) {
    const auto &ours = event->measurement->setup, &theirs = netlink->measurement->setup;
    claim.measured = text("eventfd {:.0f} µs and {} calls, netlink {:.0f} µs and {} calls",
                          bellwire::median(ours.first_us), ours.calls,
                          bellwire::median(theirs.first_us), theirs.calls);
    claim.verdict = above(bellwire::median(ours.first_us), bellwire::median(theirs.first_us));
  }
  return claim;
}

Claim thread_waits(const Rows& rows) {
  Claim claim{"a kernel thread can wait for an eventfd by reading it, or by a poll of its own", "",
              unknown};
  const auto* read = find(rows, user_to_kernel, "eventfd, thread reads");
  const auto* poll = find(rows, user_to_kernel, "eventfd, thread polls");
  if (read && poll) {
    const auto lost = read->measurement->burst->lost() + poll->measurement->burst->lost();
    claim.measured =
        text("p50 {:.1f} µs by reading, {:.1f} µs by poll; in a burst of {} to each {} were lost",
             p50(*read), p50(*poll), read->measurement->burst->sent, lost);
    claim.verdict = lost == 0 ? held : refuted;
  }
  return claim;
}

Claim ioctl_needed(const Rows& rows) {
  Claim claim{"from user to kernel one needs an ioctl that signals the eventfd", "", unknown};
  const auto* ioctl = find(rows, round_trip, "ioctl and eventfd");
  const auto* event = find(rows, round_trip, "eventfd and eventfd");
  if (ioctl && event) {
    claim.measured = text("round trips without any ioctl: {}, p50 {:.1f} µs; with it {:.1f} µs",
                          event->measurement->latency.count, p50(*event), p50(*ioctl));
    claim.verdict = event->measurement->latency.count > 0 ? refuted : held;
  }
  return claim;
}

Claim simplest(const Rows& rows) {
  Claim claim{"nothing can be simpler than eventfd", "", unknown};
  const auto* event = find(rows, kernel_to_user, "eventfd, read");
  const MechanismResult* least = nullptr;
  for (const auto& row : rows)
    if (row.direction == kernel_to_user && row.measurement && row.name.find("eventfd") != 0 &&
        (least == nullptr || lines(row) < lines(*least)))
      least = &row;
  if (event && least) {
    claim.measured =
        text("lines of user and kernel code: eventfd {} + {}; the least other: {}, {} + {}",
             event->user_lines, event->kernel_lines, least->name, least->user_lines,
             least->kernel_lines);
    claim.verdict = lines(*event) <= lines(*least) ? held : refuted;
  }
  return claim;
}

Claim compromise(const Rows& rows) {
  Claim claim{"between one process and the kernel, netlink is the best compromise", "", unknown};
  const auto* event = find(rows, round_trip, "ioctl and eventfd");
  const auto* netlink = find(rows, round_trip, "netlink both ways");
  if (event && netlink) {
    const auto &ours = event->measurement->setup, &theirs = netlink->measurement->setup;
    const int wins = (p50(*netlink) < p50(*event) ? 1 : 0) +
                     (bellwire::median(theirs.first_us) < bellwire::median(ours.first_us) ? 1 : 0) +
                     (lines(*netlink) < lines(*event) ? 1 : 0);
    claim.measured = text(
        "netlink against the note's ioctl and eventfd: round trip p50 {:.1f} and {:.1f} µs, set-up "
        "{:.0f} and {:.0f} µs, {} and {} lines; netlink is better in {} of 3",
        p50(*netlink), p50(*event), bellwire::median(theirs.first_us),
        bellwire::median(ours.first_us), lines(*netlink), lines(*event), wins);
    claim.verdict = wins >= 2 ? held : refuted;
  }
  return claim;
}

}  // namespace

std::vector<Claim> judge(const std::vector<MechanismResult>& rows) {
  std::vector<Claim> claims{read_clears_and_poll_does_not(), only_the_kernel_overflows()};
  for (const auto judged :
       {no_sleep, fastest, set_up, thread_waits, ioctl_needed, simplest, compromise})
    claims.push_back(judged(rows));
  return claims;
}

}  // namespace bell::compare
