// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 152 to 156, 160 and 161: other orders of messages than the dialects', what comes a
// second time, and what belongs to a feature that was not accepted.
#include <linux/virtio_config.h>

#include <algorithm>
#include <array>

#include "host/conform/ledger.hpp"

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
using vhost_user::bit;
using vhost_user::RingStep;
using vhost_user::Step;

// The last of them is always one after which the ring can run.
constexpr std::array<std::array<RingStep, 6>, 4> orders{{
    {RingStep::kick, RingStep::call, RingStep::addr, RingStep::base, RingStep::enable,
     RingStep::num},
    {RingStep::enable, RingStep::num, RingStep::kick, RingStep::base, RingStep::call,
     RingStep::addr},
    {RingStep::call, RingStep::addr, RingStep::num, RingStep::base, RingStep::enable,
     RingStep::kick},
    {RingStep::base, RingStep::kick, RingStep::num, RingStep::addr, RingStep::call,
     RingStep::enable},
}};

void any_order(Trial& trial) {
  unsigned number = 0;
  for (const auto& order : orders) {
    ++number;
    auto front = trial.up({}, {}, Step::rings);
    static_cast<void>(front.run(Step::driver_ok));
    for (unsigned ring = 0; ring < front.rings(); ++ring)
      for (const auto step : order) trial.expect(front.run(step, ring), "setting a ring up");
    TestRequests traffic(trial, front);
    const auto what = text("requests in a ring that was set up in order {} of ours", number);
    traffic.serve(2, what.c_str());
  }
}

// The device is brought up again by a front-end that knows the next available index alone.
void bring_up_at_available(Trial& trial, FrontEnd& front) {
  trial.expect(front.reconnect(trial.settings().socket), "connecting again");
  for (const auto step : front.dialect().steps) {
    trial.expect(front.run(step), "bringing the device up again");
    if (step != Step::memory) continue;
    for (unsigned ring = 0; ring < front.rings(); ++ring) {
      set_up(front, ring, {RingStep::num, RingStep::addr});
      const vhost_vring_state state{ring, front.ring(ring).words.base_when_done()};
      trial.expect(front.tell(Request::set_vring_base, state), "SET_VRING_BASE");
      set_up(front, ring, {RingStep::call, RingStep::kick, RingStep::enable});
    }
    break;
  }
  static_cast<void>(front.run(Step::driver_ok));
}

void base_is_available(Trial& trial) {
  auto front = tracked(trial);
  TestRequests traffic(trial, front);
  Ledger ledger(traffic, 32);
  traffic.kick();
  ledger.take(5);
  front.hang_up();
  bring_up_at_available(trial, front);
  traffic.kick();
  ledger.expect_once_each(trial, "SET_VRING_BASE named the next available index");
}

// A log of the first mebibytes.
vhost_user::GuestMemory share_log(Trial& trial, FrontEnd& front, std::uint64_t bytes) {
  auto memory = Trial::prepare(
      vhost_user::GuestMemory::create(std::array{PieceShape{.size = bytes}}), "memory for a log");
  const int fds[] = {memory.fd(0)};
  const auto reply = front.ask(Request::set_log_base, payload(vhost_user::Log{bytes, 0}), fds);
  trial.expect(bool(reply), "SET_LOG_BASE: {}", reply ? "" : reply.error().message);
  return memory;
}

bool any_mark(const vhost_user::GuestMemory& log, std::uint64_t bytes) {
  return std::any_of(log.at(0), log.at(0) + bytes, [](auto byte) { return byte != std::byte{0}; });
}

void another_log(Trial& trial) {
  auto front = trial.up();
  if (!front.negotiated(feature::log_shmfd))
    throw Untried{text("{} does not negotiate LOG_SHMFD", front.dialect().program)};
  const auto region = front.memory().region(0);
  const auto needed = (region.guest_address + region.size) / vhost_user::log_page / 8 + 1;
  const auto bytes =
      (needed + vhost_user::log_page - 1) / vhost_user::log_page * vhost_user::log_page;
  const auto first = share_log(trial, front, bytes);
  trial.expect(front.tell(Request::set_features, front.features() | bit(VHOST_F_LOG_ALL)),
               "SET_FEATURES with LOG_ALL");
  TestRequests traffic(trial, front);
  traffic.serve(2, "requests with the first log");
  traffic.offer(8);
  traffic.kick();
  const auto second = share_log(trial, front, bytes);
  traffic.await(8, "requests under way when the log was replaced");
  traffic.serve(2, "requests with the second log");
  trial.expect(trial.eventually([&] { return any_mark(second, bytes); }),
               "nothing is marked in the second log");
}

void used_event_without_feature(Trial& trial) {
  auto front = trial.up({.never_features = bit(VIRTIO_RING_F_EVENT_IDX)});
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  static_cast<void>(traffic.called_though_quiet());
  traffic.ring().words.split().set_used_event(1000);
  traffic.serve(1, "a request");
  trial.expect(traffic.called(), "no call: used_event counts, though EVENT_IDX was not accepted");
}

void silent_when_stopped(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(2, "requests before");
  for (unsigned ring = 0; ring < front.rings(); ++ring)
    static_cast<void>(trial.expect(front.stop_ring(ring), "GET_VRING_BASE"));
  static_cast<void>(traffic.ring().call.drain());
  traffic.offer(2);
  traffic.kick();
  trial.expect(!traffic.called_though_quiet(), "it was called, though all rings are stopped");
}

void iotlb_without_feature(Trial& trial) {
  auto front = trial.up({.never_features = bit(VIRTIO_F_ACCESS_PLATFORM)});
  const vhost_iotlb_msg update{.iova = 0,
                               .size = vhost_user::log_page,
                               .uaddr = front.memory().region(0).user_address,
                               .perm = VHOST_ACCESS_RW,
                               .type = VHOST_IOTLB_UPDATE};
  trial.expect(front.link().send(Request::iotlb_msg, payload(update)), "IOTLB_MSG");
  const auto reply = front.link().receive();
  if (!reply) {
    trial.expect(reply.error().code == std::errc::connection_reset,
                 "neither an answer nor the end of the connection: {}", reply.error().message);
    return trial.expect_alive("after IOTLB_MSG");
  }
  trial.expect(reply->header.request == static_cast<std::uint32_t>(Request::iotlb_msg) &&
                   reply->payload.size() == sizeof(std::uint64_t),
               "the answer is {}", vhost_user::describe(reply->header, reply->payload, 0));
  trial.settle(front);
}

// Brings the device up with such a region. False: it is refused.
bool up_with_empty_region(Trial& trial, FrontEnd& front) {
  const auto file = Trial::prepare(os::create_memfd("conform", vhost_user::log_page), "a file");
  const int fds[] = {file.get()};
  const vhost_user::Inflight shape{0, 0, static_cast<std::uint16_t>(front.rings()),
                                   front.wishes().queue_size, 0};
  for (const auto step : front.dialect().steps) {
    if (step != Step::set_inflight_fd) {
      trial.expect(front.run(step), "bringing the device up");
      continue;
    }
    if (!front.negotiated(feature::inflight_shmfd)) break;
    const bool taken = bool(front.tell(Request::set_inflight_fd, shape, fds));
    if (!taken || !front.get(Request::get_features)) return false;
  }
  if (!front.negotiated(feature::inflight_shmfd))
    throw Untried{text("{} does not negotiate INFLIGHT_SHMFD", front.dialect().program)};
  return true;
}

void empty_region(Trial& trial) {
  {
    auto front = trial.connect();
    if (up_with_empty_region(trial, front))
      TestRequests(trial, front).serve(2, "requests with an inflight region of 0 bytes");
  }
  auto next = trial.up();
  TestRequests(trial, next).serve(2, "requests of the next front-end");
}

constexpr Statement sequences_table[] = {
    {152, "A ring's messages may come in any order", "vhost-user: Ring states", either_layout,
     any_order},
    {153,
     "After a lost connection, SET_VRING_BASE may name the available index: each request once",
     "vhost-user: Inflight I/O tracking",
     {.protocol_features = bit(feature::inflight_shmfd), .layouts = Layouts::both},
     base_is_available},
    {154,
     "A log may be replaced while it is in use",
     "vhost-user: SET_LOG_BASE",
     {.features = bit(VHOST_F_LOG_ALL),
      .protocol_features = bit(feature::log_shmfd),
      .kinds = std::uint8_t(Kind::blk) | std::uint8_t(Kind::rng),
      .layouts = Layouts::both},
     another_log},
    {155,
     "Without EVENT_IDX, used_event is ignored",
     "virtio 1.2: 2.7.7",
     {},
     used_event_without_feature},
    {156, "While all rings are stopped, nobody is called", "vhost-user: Suspended device state",
     either_layout, silent_when_stopped},
};

constexpr Statement more_sequences_table[] = {
    {160,
     "IOTLB_MSG is answered with a number, or ends the connection, also without the feature for it",
     "vhost-user: IOTLB_MSG",
     {},
     iotlb_without_feature},
    {161,
     "An inflight region of 0 bytes does no harm",
     "vhost-user: SET_INFLIGHT_FD",
     {.protocol_features = bit(feature::inflight_shmfd)},
     empty_region},
};

}  // namespace

std::span<const Statement> more_sequence_statements() noexcept {
  return more_sequences_table;
}

std::span<const Statement> sequence_statements() noexcept {
  return sequences_table;
}

}  // namespace bellwire::host::conform
