// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 48 to 57: where a ring goes on, and what resets it.
#include <linux/virtio_config.h>

#include "host/conform/test_requests.hpp"

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
using vhost_user::bit;
using vhost_user::RingStep;
using vhost_user::Step;

constexpr std::uint8_t leaves_disabled = std::uint8_t(Kind::blk) | std::uint8_t(Kind::rng);

void kicked_for_nothing(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  for (int count = 0; count < 3; ++count) traffic.kick();
  const auto come = traffic.come_though_quiet();
  trial.expect(come == 0, "{} completions came, of nothing", come);
  traffic.serve(2, "requests after kicks without any");
}

void past_the_wrap(Trial& trial) {
  auto front = trial.up({.base = 65530});
  TestRequests traffic(trial, front);
  traffic.serve(16, "requests across the index 65535");
  const auto base = trial.expect(front.stop_ring(traffic.index()), "GET_VRING_BASE");
  trial.expect(base == 10, "GET_VRING_BASE says {}, not 10", base);
}

void rebooted(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(7, "requests before");
  static_cast<void>(trial.expect(front.stop_ring(traffic.index()), "GET_VRING_BASE"));
  traffic.ring().words.begin_anew();
  set_up(front, traffic.index(),
         {RingStep::num, RingStep::base, RingStep::addr, RingStep::call, RingStep::kick});
  traffic.serve(3, "requests in a ring that begins at 0 again");
}

void address_again(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(2, "requests before");
  trial.expect(front.set_address(traffic.index()), "SET_VRING_ADDR of a running ring");
  trial.settle(front);
  traffic.serve(2, "requests after SET_VRING_ADDR was repeated");
}

void owner_reset(Trial& trial) {
  auto front = trial.up();
  trial.expect(front.tell(Request::reset_owner), "RESET_OWNER");
  trial.settle(front);
  TestRequests traffic(trial, front);
  trial.expect(front.enable_ring(traffic.index(), true), "SET_VRING_ENABLE");
  traffic.serve(2, "requests after RESET_OWNER and SET_VRING_ENABLE");
}

void device_reset(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(3, "requests before");
  trial.expect(front.tell(Request::reset_device), "RESET_DEVICE");
  trial.settle(front);
  traffic.ring().words.begin_anew();
  Trial::prepare(front.fresh_inflight(), "another inflight region");
  Trial::prepare(front.run(Step::set_features), "SET_FEATURES");
  Trial::prepare(front.run(Step::features_ok), "SET_STATUS");
  Trial::prepare(front.run(Step::rings), "setting the rings up");
  Trial::prepare(front.run(Step::enable), "SET_VRING_ENABLE");
  Trial::prepare(front.run(Step::driver_ok), "SET_STATUS");
  traffic.serve(3, "requests after RESET_DEVICE and a new start");
}

void reset_disables(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  trial.expect(front.tell(Request::reset_device), "RESET_DEVICE");
  trial.settle(front);
  traffic.offer(2);
  traffic.kick();
  const auto come = traffic.come_though_quiet();
  trial.expect(come == 0, "{} of 2 requests were completed after RESET_DEVICE", come);
}

void status_kept(Trial& trial) {
  auto front = trial.up({}, {}, Step::memory);
  constexpr std::uint64_t status =
      VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK;
  trial.expect(front.tell(Request::set_status, status), "SET_STATUS");
  const auto now = trial.expect(front.get(Request::get_status), "GET_STATUS");
  trial.expect(now == status, "GET_STATUS says {:#x} after {:#x} was set", now, status);
}

void status_zero(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(4, "requests");
  trial.expect(front.tell(Request::set_status, std::uint64_t{0}), "SET_STATUS 0");
  const auto base = trial.expect(front.stop_ring(traffic.index()), "GET_VRING_BASE");
  const auto expected = traffic.ring().words.base_when_done();
  trial.expect(traffic.ring().words.is_done(base),
               "GET_VRING_BASE says {:#x} after 4 requests, not {:#x}", base, expected);
}

void every_ring(Trial& trial) {
  const auto queues = static_cast<unsigned>(std::min<std::uint64_t>(trial.probe().offer.queues, 8));
  if (queues < 2 * trial.least_rings()) throw Untried{"the back-end has one queue only"};
  auto front = trial.up({.queues = queues});
  for (unsigned number = 0; number < queues / trial.least_rings(); ++number) {
    TestRequests traffic(trial, front, number);
    traffic.serve(2, "requests in one of several rings");
  }
}

constexpr Statement position_table[] = {
    {48, "A kick without a request does no harm", "virtio 1.2: 2.7.13", either_layout,
     kicked_for_nothing},
    {49,
     "A ring begins at the index of SET_VRING_BASE, and wraps at 65536",
     "vhost-user: SET_VRING_BASE",
     {},
     past_the_wrap},
    {50,
     "A ring that is set up anew begins with the used index that its memory has",
     "vhost-user: SET_VRING_ADDR",
     {},
     rebooted},
    {51, "SET_VRING_ADDR is accepted while the ring runs", "vhost-user: Migration", either_layout,
     address_again},
    {52, "RESET_OWNER leaves the connection's state alone", "vhost-user: RESET_OWNER",
     either_layout, owner_reset},
    {53,
     "RESET_DEVICE resets the rings, and the device can be set up again",
     "vhost-user: RESET_DEVICE",
     {.protocol_features = bit(feature::reset_device), .layouts = Layouts::both},
     device_reset},
    {54,
     "RESET_DEVICE disables all rings",
     "vhost-user: RESET_DEVICE",
     {.protocol_features = bit(feature::reset_device),
      .kinds = leaves_disabled,
      .layouts = Layouts::both},
     reset_disables},
    {55,
     "GET_STATUS answers what SET_STATUS set",
     "vhost-user: GET_STATUS",
     {.protocol_features = bit(feature::status)},
     status_kept},
    {56,
     "After SET_STATUS 0, GET_VRING_BASE still answers the ring's index",
     "vhost-user: SET_STATUS",
     {.protocol_features = bit(feature::status), .layouts = Layouts::both},
     status_zero},
    {57,
     "Every ring of several is served",
     "vhost-user: Multiple queue support",
     {.protocol_features = bit(feature::mq), .layouts = Layouts::both},
     every_ring},
};

}  // namespace

std::span<const Statement> position_statements() noexcept {
  return position_table;
}

}  // namespace bellwire::host::conform
