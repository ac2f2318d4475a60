// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 34 to 47: when a ring is served, and when it is not.
#include "host/conform/test_requests.hpp"

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
using vhost_user::bit;
using vhost_user::RingStep;
using vhost_user::Step;

// A disk and an entropy source leave a disabled ring alone; a network device drops its frames.
constexpr std::uint8_t not_net = std::uint8_t(Kind::blk) | std::uint8_t(Kind::rng);
constexpr Needs protocol{.features = bit(vhost_user::f_protocol_features),
                         .layouts = Layouts::both};
constexpr Needs protocol_not_net{
    .features = bit(vhost_user::f_protocol_features), .kinds = not_net, .layouts = Layouts::both};

void kick_before_enable(Trial& trial) {
  auto front = trial.up({.enable = false});
  TestRequests traffic(trial, front);
  traffic.offer(2);
  traffic.kick();
  trial.settle(front);
  trial.expect(front.enable_ring(traffic.index(), true), "SET_VRING_ENABLE");
  traffic.await(2, "requests kicked before SET_VRING_ENABLE");
}

void disabled_is_left(Trial& trial) {
  auto front = trial.up({.enable = false});
  TestRequests traffic(trial, front);
  traffic.offer(2);
  traffic.kick();
  const auto come = traffic.come_though_quiet();
  trial.expect(come == 0, "{} of 2 requests were completed in a disabled ring", come);
}

void disabled_again(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request in the enabled ring");
  trial.expect(front.enable_ring(traffic.index(), false), "SET_VRING_ENABLE 0");
  trial.settle(front);
  traffic.offer(2);
  traffic.kick();
  const auto come = traffic.come_though_quiet();
  trial.expect(come == 0, "{} of 2 requests were completed after SET_VRING_ENABLE 0", come);
  trial.expect(front.enable_ring(traffic.index(), true), "SET_VRING_ENABLE 1");
  traffic.await(2, "requests offered while the ring was disabled");
}

// Before it, a device takes no requests (virtio 1.2, section 3.1.1). Whether it was heard is seen
// in what is served.
void driver_ok(FrontEnd& front) {
  static_cast<void>(front.run(Step::driver_ok));
}

void enabled_while_stopped(Trial& trial) {
  auto front = trial.up({}, {}, Step::rings);
  TestRequests traffic(trial, front);
  trial.expect(front.enable_ring(traffic.index(), true), "SET_VRING_ENABLE of a stopped ring");
  set_up(front, traffic.index(),
         {RingStep::num, RingStep::base, RingStep::addr, RingStep::call, RingStep::kick});
  driver_ok(front);
  traffic.serve(2, "requests in a ring that was enabled first");
}

void without_protocol_features(Trial& trial) {
  auto front = trial.connect({.never_features = bit(vhost_user::f_protocol_features)});
  Trial::prepare(front.run(Step::get_features), "GET_FEATURES");
  Trial::prepare(front.run(Step::set_owner), "SET_OWNER");
  trial.begin();
  trial.expect(front.run(Step::set_features), "SET_FEATURES without bit 30");
  Trial::prepare(front.run(Step::memory), "sharing memory");
  TestRequests traffic(trial, front);
  set_up(front, traffic.index(),
         {RingStep::num, RingStep::base, RingStep::addr, RingStep::call, RingStep::kick});
  traffic.serve(2, "requests without SET_VRING_ENABLE");
}

void features_again(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  trial.expect(front.tell(Request::set_features, front.features()), "SET_FEATURES again");
  trial.settle(front);
  traffic.serve(4, "requests after SET_FEATURES was repeated");
}

void base_is_next(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(5, "requests");
  const auto base = trial.expect(front.stop_ring(traffic.index()), "GET_VRING_BASE");
  const auto expected = traffic.ring().words.base_when_done();
  trial.expect(traffic.ring().words.is_done(base),
               "GET_VRING_BASE says {:#x} after 5 requests, not {:#x}", base, expected);
}

void stops(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  static_cast<void>(trial.expect(front.stop_ring(traffic.index()), "GET_VRING_BASE"));
  traffic.offer(2);
  traffic.kick();
  const auto come = traffic.come_though_quiet();
  trial.expect(come == 0, "{} of 2 requests were completed after GET_VRING_BASE", come);
}

void stopped_twice(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(3, "requests");
  for (int count = 0; count < 2; ++count) {
    const auto base = trial.expect(front.stop_ring(traffic.index()), "GET_VRING_BASE");
    const auto expected = traffic.ring().words.base_when_done();
    trial.expect(traffic.ring().words.is_done(base),
                 "GET_VRING_BASE says {:#x} after 3 requests, not {:#x}", base, expected);
  }
}

void stopped_unused(Trial& trial) {
  auto front = trial.up({}, {}, Step::memory);
  const auto base = trial.expect(front.stop_ring(0), "GET_VRING_BASE of a ring never set up");
  trial.expect(base == 0, "GET_VRING_BASE says {}", base);
}

void stopped_when_done(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  constexpr unsigned count = 32;
  traffic.offer(count);
  traffic.kick();
  const auto base = trial.expect(front.stop_ring(traffic.index()), "GET_VRING_BASE");
  const auto& words = traffic.ring().words;
  const auto done = words.completed();
  trial.expect(words.all_returned(base),
               "the answer is {:#x}, but {} requests were completed by then", base, done);
  static_cast<void>(traffic.come_though_quiet());
  trial.expect(words.completed() == done, "{} requests were completed after the answer",
               words.completed() - done);
}

// Stops the ring, and sets it up again where it was. The flag of SET_VRING_ENABLE stays.
void restart(FrontEnd& front, unsigned ring) {
  static_cast<void>(Trial::prepare(front.stop_ring(ring), "GET_VRING_BASE"));
  set_up(front, ring, {RingStep::num, RingStep::base, RingStep::addr, RingStep::call});
}

void restarted_enabled(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(3, "requests before");
  restart(front, traffic.index());
  set_up(front, traffic.index(), {RingStep::kick});
  traffic.serve(3, "requests after a stop and a start, without another SET_VRING_ENABLE");
}

void signalled_before(Trial& trial) {
  auto front = trial.up({}, {}, Step::rings);
  TestRequests traffic(trial, front);
  traffic.offer(2);
  traffic.kick();
  Trial::prepare(front.run(Step::rings), "setting the rings up");
  Trial::prepare(front.run(Step::enable), "SET_VRING_ENABLE");
  driver_ok(front);
  traffic.await(2, "requests kicked before SET_VRING_KICK");
}

void serves_what_is_there(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  restart(front, traffic.index());
  traffic.offer(2);
  trial.begin();
  set_up(front, traffic.index(), {RingStep::kick});
  traffic.await(2, "requests that were available at the start, without a kick");
}

constexpr Statement ring_state_table[] = {
    {34, "A kick before SET_VRING_ENABLE is not lost", "vhost-user: Ring states", protocol,
     kick_before_enable},
    {35, "A ring is not served before it is enabled", "vhost-user: Ring states", protocol_not_net,
     disabled_is_left},
    {36, "A ring that is disabled while it runs pauses, and then goes on",
     "vhost-user: SET_VRING_ENABLE", protocol_not_net, disabled_again},
    {37, "SET_VRING_ENABLE of a stopped ring is remembered", "vhost-user: Ring states", protocol,
     enabled_while_stopped},
    {38,
     "Without bit 30, rings are enabled from the start",
     "vhost-user: Ring states",
     {},
     without_protocol_features},
    {39, "SET_FEATURES while rings run changes no ring's state", "vhost-user: Migration",
     either_layout, features_again},
    {40, "GET_VRING_BASE answers the next available index", "vhost-user: GET_VRING_BASE",
     either_layout, base_is_next},
    {41, "GET_VRING_BASE stops the ring", "vhost-user: Ring states", either_layout, stops},
    {42, "GET_VRING_BASE is answered a second time, with the same index",
     "vhost-user: GET_VRING_BASE", either_layout, stopped_twice},
    {43,
     "GET_VRING_BASE of a ring that was never set up is answered",
     "vhost-user: GET_VRING_BASE",
     {},
     stopped_unused},
    {44, "GET_VRING_BASE is answered when all requests under way are completed",
     "vhost-user: Suspended device state", either_layout, stopped_when_done},
    {45, "Enabled or not survives a stop and a start", "vhost-user: Ring states", protocol,
     restarted_enabled},
    {46, "A kick before SET_VRING_KICK starts the ring", "vhost-user: Ring states", either_layout,
     signalled_before},
    {47, "What is available at a restart is served without another kick",
     "vhost-user: SET_VRING_KICK", either_layout, serves_what_is_there},
};

}  // namespace

std::span<const Statement> ring_state_statements() noexcept {
  return ring_state_table;
}

}  // namespace bellwire::host::conform
