// SPDX-License-Identifier: BSD-3-Clause
//
// Judges the note's claims by the results of this run.
#include "guest-kmod/bell/compare/report/result.hpp"

#include <algorithm>

#include "guest-kmod/bell/compare/mechanisms/lab_mechanisms.hpp"

namespace bell::compare {
namespace {

using bellwire::text;
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
