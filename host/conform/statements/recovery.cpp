// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 103 to 110: front-ends that leave, back-ends that are ended, and what is kept for the
// time after.
#include <linux/virtio_config.h>

#include <algorithm>

#include "host/conform/inflight_part.hpp"
#include "host/conform/ledger.hpp"
#include "vdev/transport/vhost_user/protocol/inflight.hpp"

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
using vhost_user::bit;
using vhost_user::Step;

constexpr Needs inflight{.protocol_features = bit(feature::inflight_shmfd)};
constexpr Needs inflight_rings{.protocol_features = bit(feature::inflight_shmfd),
                               .layouts = Layouts::both};

void left_while_running(Trial& trial) {
  for (int count = 0; count < 3; ++count) {
    auto front = trial.up();
    TestRequests traffic(trial, front);
    traffic.offer(16);
    traffic.kick();
  }
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(4, "requests of a front-end that came after others had left");
}

void region_described(Trial& trial) {
  auto front = trial.up({}, {}, Step::memory);
  const auto& [shape, file] = front.inflight();
  if (!front.negotiated(feature::inflight_shmfd))
    throw Untried{text("{} does not negotiate INFLIGHT_SHMFD", front.dialect().program)};
  trial.expect(file.valid(), "GET_INFLIGHT_FD gave no memory");
  trial.expect(shape.num_queues >= front.rings(), "it has {} queues, of {}", shape.num_queues,
               front.rings());
  const auto size = trial.expect(os::file_size(file.get()), "the region's file");
  trial.expect(size >= shape.mmap_offset + shape.mmap_size,
               "the file has {} bytes, of {} that are to be mapped at {}", size, shape.mmap_size,
               shape.mmap_offset);
}

void region_follows(Trial& trial) {
  auto front = tracked(trial);
  TestRequests traffic(trial, front);
  traffic.serve(9, "requests");
  const auto entries = front.wishes().queue_size;
  const InflightPart<vhost_user::SplitInflightHeader, vhost_user::SplitInflightEntry> part(
      trial, front, traffic.index(), entries);
  const auto& region = part.header();
  const auto settled = [&] {
    return region.version == 1 && region.desc_num == entries && region.used_idx == 9 &&
           !part.anything_in_flight();
  };
  trial.expect(trial.eventually(settled),
               "after 9 requests, the region has version {}, {} entries and the used index {}, or "
               "something in flight",
               region.version, region.desc_num, region.used_idx);
}

void nothing_from_nothing(Trial& trial) {
  auto front = tracked(trial);
  TestRequests traffic(trial, front);
  traffic.kick();
  const auto come = traffic.come_though_quiet();
  trial.expect(come == 0, "{} completions came before any request", come);
}

constexpr unsigned requests = 32;

// Offers requests, lets some be completed, does `harm`, and goes on with another connection.
template <class Harm>
void once_each(Trial& trial, unsigned completed, Harm harm) {
  auto front = tracked(trial);
  TestRequests traffic(trial, front);
  Ledger ledger(traffic, requests);
  traffic.kick();
  ledger.take(completed);
  front.hang_up();
  harm();
  go_on(trial, front);
  traffic.kick();
  ledger.expect_once_each(trial, text("{} had been completed before", completed));
}

void reconnected(Trial& trial) {
  for (const auto completed : {0U, 5U}) once_each(trial, completed, [] {});
}

void killed(Trial& trial) {
  for (const auto completed : {0U, 1U, 7U, 20U})
    once_each(trial, completed, [&trial] {
      kill(trial);
      start_again(trial);
    });
}

void started_again(Trial& trial) {
  kill(trial);
  trial.expect(trial.back_end().start(), "starting it again on the same socket");
  trial.expect_alive("after SIGKILL and another start");
}

void terminated(Trial& trial) {
  const auto front = trial.up();
  trial.transcript().sent("SIGTERM");
  const auto how = trial.back_end().terminate(trial.settings().patience.limit);
  trial.transcript().came(how ? "it ended " + *how : how.error().message);
  start_again(trial);
  trial.expect(bool(how), "{}", how ? "" : how.error().message);
}

constexpr Statement recovery_table[] = {
    {103, "A front-end that leaves with requests under way does not harm the next one",
     "vhost-user: Communication", either_layout, left_while_running},
    {104, "GET_INFLIGHT_FD gives memory of the size that it says", "vhost-user: GET_INFLIGHT_FD",
     inflight, region_described},
    {105, "The inflight region says which requests are under way, and how many were completed",
     "vhost-user: Inflight I/O tracking", inflight, region_follows},
    {106, "A new inflight region has no request in it: none is completed before it is made",
     "vhost-user: Inflight I/O tracking", inflight_rings, nothing_from_nothing},
    {107,
     "A front-end that connects again with its inflight region: each request is completed once",
     "vhost-user: Inflight I/O tracking", inflight_rings, reconnected},
    {108,
     "The back-end is killed and started again: each request is completed once",
     "vhost-user: Inflight I/O tracking",
     {.protocol_features = bit(feature::inflight_shmfd), .process = true, .layouts = Layouts::both},
     killed},
    {109,
     "A socket that a killed back-end left behind does not keep it from starting again",
     "vhost-user: Backend program conventions",
     {.process = true},
     started_again},
    {110,
     "SIGTERM ends the back-end, also while a front-end is connected",
     "vhost-user: Backend program conventions",
     {.process = true},
     terminated},
};

}  // namespace

std::span<const Statement> recovery_statements() noexcept {
  return recovery_table;
}

}  // namespace bellwire::host::conform
