// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/event_watch.hpp"

#include <doctest/doctest.h>

#include "vdev/testing/peer_event.hpp"

using namespace bellwire;
using testing::PeerEvent;
using vfio_user::EventWatch;

namespace {

// Handlers that a loop runs until it would sleep; `bound` if it doesn't come to that.
std::size_t turns(boost::asio::io_context& context, std::size_t bound) {
  context.restart();
  std::size_t ran = 0;
  while (ran < bound && context.poll_one() != 0) ++ran;
  return ran;
}

}  // namespace

TEST_CASE("a watched eventfd calls back each time that it is rung, until it is dropped") {
  boost::asio::io_context context;
  const PeerEvent peer;
  unsigned calls = 0;
  auto watch = EventWatch::create(context, peer.handed_over(), [&] { ++calls; });
  REQUIRE(watch.has_value());
  for (unsigned times = 1; times <= 3; ++times) {
    peer.add(2);
    turns(context, 100);
    CHECK(calls == times);
  }
  peer.add(1);
  { const auto dropped = std::move(*watch); }
  turns(context, 100);
  CHECK(calls == 3);
}

TEST_CASE("a full semaphore leaves the loop idle, and is still heard") {
  boost::asio::io_context context;
  const PeerEvent peer(EFD_SEMAPHORE);
  peer.fill();
  unsigned calls = 0;
  const auto watch = EventWatch::create(context, peer.handed_over(), [&] { ++calls; });
  REQUIRE(watch.has_value());
  CHECK(turns(context, 1000) < 10);
  CHECK(calls >= 1);
  CHECK(turns(context, 1000) == 0);
  const auto before = calls;
  peer.take();
  peer.add(1);
  CHECK(turns(context, 1000) < 10);
  CHECK(calls == before + 1);
}

TEST_CASE("a peer that takes back what it rang, from a blocking eventfd, stops no loop") {
  const testing::Watchdog watchdog;
  boost::asio::io_context context;
  const PeerEvent peer;
  const int flags = peer.flags();
  const auto watch = EventWatch::create(context, peer.handed_over(), [] {});
  REQUIRE(watch.has_value());
  for (int times = 0; times < 100; ++times) {
    peer.add(1);
    peer.take();
    turns(context, 100);
  }
  CHECK(peer.flags() == flags);
  CHECK_FALSE(testing::Watchdog::barked());
}
