// SPDX-License-Identifier: BSD-3-Clause
//
// Two threads, a side of a virtqueue each, that sleep whenever they may: a wake-up that is lost
// would hang them.
#include <doctest/doctest.h>
#include <poll.h>

#include <stdexcept>
#include <thread>

#include "vdev/testing/virtqueue_pair.hpp"

using namespace bellwire;
using namespace bellwire::virtio;
using bellwire::testing::VirtqueuePair;

namespace {

void sleep_until_rung(const os::EventFd& event) {
  pollfd waiting{.fd = event.fd(), .events = POLLIN, .revents = 0};
  constexpr int long_enough_ms = 60'000;
  if (poll(&waiting, 1, long_enough_ms) != 1) throw std::runtime_error("a wake-up was lost");
  (void)event.drain();
}

struct TwoThreads {
  explicit TwoThreads(const QueueLayout& layout) : pair(layout) {}

  // Returns what it is given, some at a time, so that it often sleeps with others in flight.
  void serve(unsigned chains) {
    for (unsigned served = 0; served < chains;) {
      unsigned batch = 0;
      while (batch < 3 && pair.pop() == Taken::chain) {
        pair.device.push(pair.storage.chain(), 0);
        ++batch;
      }
      served += batch;
      pair.device.publish();
      if (pair.device.should_call()) call.ring();
      if (batch == 0 && served < chains && pair.device.enable_kicks()) sleep_until_rung(kick);
    }
  }

  void drive(unsigned chains) {
    const GuestBuffer buffer{pair.buffers(), 1};
    unsigned sent = 0;
    for (unsigned came = 0; came < chains;) {
      while (sent < chains && pair.driver.add({&buffer, 1}, {}, sent)) ++sent;
      pair.driver.publish();
      if (pair.driver.should_kick()) kick.ring();
      while (const auto used = pair.driver.poll_used())
        in_order = used->token == came++ && in_order;
      if (pair.driver.in_flight() > 0 && pair.driver.enable_calls()) sleep_until_rung(call);
    }
  }

  VirtqueuePair pair;
  os::EventFd kick = os::EventFd::create().value();
  os::EventFd call = os::EventFd::create().value();
  bool in_order = true;
};

}  // namespace

TEST_CASE("two threads that sleep whenever they may lose no wake-up") {
  constexpr unsigned chains = 20'000;
  for (const bool packed : {false, true})
    for (const bool event_index : {false, true}) {
      CAPTURE(packed);
      CAPTURE(event_index);
      TwoThreads both({.size = 4, .packed = packed, .event_index = event_index});
      std::thread device([&] { both.serve(chains); });
      both.drive(chains);
      device.join();
      CHECK(both.in_order);
      CHECK_FALSE(both.pair.driver.broken());
    }
}
