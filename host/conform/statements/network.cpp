// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 114 and 115: what a network device does with a disabled ring, and with its receive
// ring.
#include "host/conform/test_requests.hpp"

namespace bellwire::host::conform {
namespace {

constexpr auto network = std::uint8_t(Kind::net);
constexpr unsigned receive_ring = 0;
constexpr std::uint32_t room_size = 1600;

void disabled_is_drained(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(1, "a frame in the enabled ring");
  trial.expect(front.enable_ring(traffic.index(), false), "SET_VRING_ENABLE 0");
  trial.settle(front);
  traffic.offer(2);
  traffic.kick();
  traffic.await(2, "frames that were sent after SET_VRING_ENABLE 0");
}

void stopped_with_rooms(Trial& trial) {
  auto front = trial.up();
  auto& [words, kick, call] = front.ring(receive_ring);
  for (unsigned count = 0; count < 8; ++count) {
    const Buffer room{front.memory().allocate(room_size), room_size, true};
    words.offer(words.describe({&room, 1}).value());
  }
  trial.transcript().sent("8 buffers to receive, and a kick of ring 0");
  kick.ring();
  trial.settle(front);
  const auto base = trial.expect(front.stop_ring(receive_ring), "GET_VRING_BASE");
  const auto returned = words.completed();
  trial.expect(words.all_returned(base),
               "the answer is {:#x}, but {} buffers were returned by then: the others are lost",
               base, returned);
  trial.settle(front);
  trial.expect(words.completed() == returned, "{} buffers were returned after the answer",
               words.completed() - returned);
}

constexpr Statement network_table[] = {
    {114,
     "A network device returns what is sent in a ring that was disabled",
     "vhost-user: Ring states",
     {.features = vhost_user::bit(vhost_user::f_protocol_features),
      .kinds = network,
      .layouts = Layouts::both},
     disabled_is_drained},
    {115,
     "A receive ring that is stopped has returned every buffer that it took",
     "vhost-user: Suspended device state",
     {.kinds = network, .layouts = Layouts::both},
     stopped_with_rooms},
};

}  // namespace

std::span<const Statement> network_statements() noexcept {
  return network_table;
}

}  // namespace bellwire::host::conform
