// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/interrupts.hpp"

#include <doctest/doctest.h>

#include "vdev/testing/process.hpp"

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
  const testing::SleepAlarm alarm;
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
  CHECK_FALSE(testing::SleepAlarm::rang());
}

using namespace bellwire;
using namespace bellwire::vfio_user;

TEST_CASE("bools choose which vectors are meant") {
  pci::Interrupts interrupts({.msix = 3});
  IrqTable table(interrupts);
  std::vector<os::UniqueFd> fds;
  const auto events = os::create_events(3).value();
  for (const auto& event : events) fds.push_back(os::duplicate(event.fd()));
  REQUIRE(table
              .set({20, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 2, 0, 3}, {},
                   std::move(fds))
              .has_value());
  const Bytes outer{std::byte{1}, std::byte{0}, std::byte{1}};
  REQUIRE(table.set({20, VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER, 2, 0, 3}, outer, {})
              .has_value());
  CHECK(events[0].drain() == 1);
  CHECK_FALSE(events[1].drain());
  CHECK(events[2].drain() == 1);
  REQUIRE(table.set({20, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 2, 1, 2}, {}, {})
              .has_value());  // none: those two lead nowhere now
  REQUIRE(table.set({20, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 2, 0, 3}, {}, {})
              .has_value());
  CHECK(events[0].drain() == 1);
  CHECK_FALSE(events[2].drain());
}

TEST_CASE("the indexes for errors and requests take an eventfd each, and can't be masked") {
  pci::Interrupts interrupts({.msix = 1});
  IrqTable table(interrupts);
  for (const std::uint32_t index : {VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX}) {
    CAPTURE(index);
    const auto info = table.info(index).value();
    CHECK(info.count == 1);
    CHECK(info.flags == (VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE));
    const auto event = os::EventFd::create().value();
    const auto set = [&](std::uint32_t flags, std::uint32_t count, bool with_event = false) {
      std::vector<os::UniqueFd> fds;
      if (with_event) fds.push_back(os::duplicate(event.fd()));
      return table.set({20, flags, index, 0, count}, {}, std::move(fds)).has_value();
    };
    constexpr std::uint32_t trigger = VFIO_IRQ_SET_ACTION_TRIGGER;
    CHECK(set(VFIO_IRQ_SET_DATA_NONE | trigger, 1));  // nobody hears it
    CHECK(set(VFIO_IRQ_SET_DATA_EVENTFD | trigger, 1, true));
    CHECK(set(VFIO_IRQ_SET_DATA_NONE | trigger, 1));
    CHECK(event.drain() == 1);
    CHECK_FALSE(set(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK, 1));
    CHECK_FALSE(set(VFIO_IRQ_SET_DATA_NONE | trigger, 2));
    CHECK(set(VFIO_IRQ_SET_DATA_NONE | trigger, 0));  // disables
    CHECK(set(VFIO_IRQ_SET_DATA_NONE | trigger, 1));
    CHECK_FALSE(event.drain());
    CHECK(set(VFIO_IRQ_SET_DATA_EVENTFD | trigger, 1, true));
    CHECK(set(VFIO_IRQ_SET_DATA_EVENTFD | trigger, 1));  // takes it away again
    CHECK(set(VFIO_IRQ_SET_DATA_NONE | trigger, 1));
    CHECK_FALSE(event.drain());
  }
}
