// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 116 to 120: a back-end that is killed at other stages than with requests under way.
// docs/vhost-user.md has the same stages with other front-ends.
#include "host/conform/ledger.hpp"

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
using std::chrono::milliseconds;
using vhost_user::bit;
using vhost_user::Step;

constexpr Needs process{.process = true, .layouts = Layouts::both};
constexpr Needs tracked_process{
    .protocol_features = bit(feature::inflight_shmfd), .process = true, .layouts = Layouts::both};
constexpr unsigned offered_at_kill = 32;

void replace(Trial& trial, FrontEnd& front) {
  front.hang_up();
  kill(trial);
  start_again(trial);
  go_on(trial, front);
}

void before_rings(Trial& trial) {
  for (const auto end : {Step::set_owner, Step::set_features, Step::memory, Step::rings}) {
    auto front = trial.up({}, {}, end);
    replace(trial, front);
    TestRequests traffic(trial, front);
    traffic.serve(8, "requests after SIGKILL before any ring was set up");
  }
}

void stop_rings(Trial& trial, FrontEnd& front) {
  for (unsigned ring = 0; ring < front.rings(); ++ring)
    static_cast<void>(trial.expect(front.stop_ring(ring), "GET_VRING_BASE"));
}

void reset(Trial& trial, FrontEnd& front) {
  if (front.negotiated(feature::status))
    trial.expect(front.tell(Request::set_status, std::uint64_t{0}), "SET_STATUS 0");
}

template <Step step>
void take(Trial& trial, FrontEnd& front) {
  trial.expect(front.run(step), "setting the device up again");
}

// What a driver that is unbound and bound again makes its front-end do.
constexpr void (*unbound_and_bound[])(Trial& trial, FrontEnd& front) = {
    stop_rings,
    reset,
    take<Step::set_features>,
    take<Step::features_ok>,
    take<Step::rings>,
    take<Step::enable>,
    take<Step::driver_ok>,
};

void killed_after(Trial& trial, unsigned steps) {
  auto front = tracked(trial);
  TestRequests traffic(trial, front);
  Ledger ledger(traffic, 8);
  traffic.kick();
  ledger.take_all();
  for (const auto& act : std::span(unbound_and_bound).first(steps)) act(trial, front);
  ledger.offer(offered_at_kill);
  traffic.kick();
  if (steps % 2 == 0) trial.settle(front);
  replace(trial, front);
  traffic.kick();
  ledger.expect_once_each(trial,
                          text("SIGKILL came after {} steps of stopping and setting up", steps));
}

void while_set_up_again(Trial& trial) {
  for (unsigned steps = 0; steps <= std::size(unbound_and_bound); ++steps)
    killed_after(trial, steps);
}

void back_late(Trial& trial) {
  auto front = tracked(trial);
  TestRequests traffic(trial, front);
  Ledger ledger(traffic, offered_at_kill);
  traffic.kick();
  ledger.take(4);
  front.hang_up();
  kill(trial);
  ledger.offer(8);
  traffic.kick();
  trial.pause(trial.settings().away);
  start_again(trial);
  go_on(trial, front);
  traffic.kick();
  ledger.expect_once_each(
      trial, text("8 were made while it was away for {} ms", trial.settings().away.count()));
}

void again_and_again(Trial& trial) {
  auto front = tracked(trial);
  TestRequests traffic(trial, front);
  Ledger ledger(traffic, offered_at_kill);
  traffic.kick();
  ledger.take(5);
  for (const auto later :
       {milliseconds(0), milliseconds(5), milliseconds(10), milliseconds(15), milliseconds(20)}) {
    replace(trial, front);
    traffic.kick();
    trial.pause(later);
  }
  replace(trial, front);
  traffic.kick();
  ledger.expect_once_each(trial, "SIGKILL came six times, within 20 ms after each start");
}

void while_paused(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  Ledger ledger(traffic, offered_at_kill);
  traffic.kick();
  stop_rings(trial, front);
  ledger.take_all();
  replace(trial, front);
  ledger.offer(8);
  traffic.kick();
  ledger.expect_once_each(trial, "the rings were stopped before SIGKILL");
}

constexpr Statement restarts_table[] = {
    {116, "Killed before any ring is set up and started again, it serves",
     "vhost-user: Communication", process, before_rings},
    {117, "Killed while its rings are stopped and set up again: each request is completed once",
     "vhost-user: Inflight I/O tracking", tracked_process, while_set_up_again},
    {118, "Killed and back only after 3 s: each request is completed once",
     "vhost-user: Inflight I/O tracking", tracked_process, back_late},
    {119, "Killed five times more, within 20 ms after each start: each request is completed once",
     "vhost-user: Inflight I/O tracking", tracked_process, again_and_again},
    {120, "Killed while all rings are stopped: each request is completed once",
     "vhost-user: Suspended device state", process, while_paused},
};

}  // namespace

std::span<const Statement> restart_statements() noexcept {
  return restarts_table;
}

}  // namespace bellwire::host::conform
