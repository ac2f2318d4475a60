// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/core/interrupt.hpp"

#include <doctest/doctest.h>

#include <thread>

#include "vdev/testing/process.hpp"

using bellwire::InterruptLine;
using bellwire::os::EventFd;
using bellwire::testing::PeerEvent;
using bellwire::testing::SleepAlarm;

TEST_CASE("a bound line leads every raise to its eventfd") {
  const auto event = EventFd::create().value();
  const InterruptLine line(event.duplicate().value());
  line.interrupt().raise();
  line.interrupt().raise();
  CHECK(event.drain() == 2);
}

TEST_CASE("what is raised while unbound is pending, and comes once") {
  InterruptLine line;
  const auto interrupt = line.interrupt();
  CHECK(interrupt.fd() == -1);
  interrupt.raise();
  interrupt.raise();
  const auto event = EventFd::create().value();
  line.bind(event.duplicate().value());
  CHECK(event.drain() == 1);
  line.unbind();
  line.bind(event.duplicate().value());
  CHECK_FALSE(event.drain().has_value());
}

TEST_CASE("a line returns what is pending, clears it, and gives its eventfd back") {
  InterruptLine line(EventFd::create().value());
  const auto event = line.unbind();
  REQUIRE(event.has_value());
  CHECK_FALSE(line.unbind().has_value());
  line.interrupt().raise();
  CHECK(line.pending());
  line.clear();
  CHECK_FALSE(line.pending());
  line.bind(event->duplicate().value());
  CHECK_FALSE(event->drain().has_value());
}

TEST_CASE("a rebound line leads only to its new eventfd") {
  InterruptLine line;
  const auto first = EventFd::create().value();
  const auto second = EventFd::create().value();
  line.bind(first.duplicate().value());
  line.bind(second.duplicate().value());
  line.interrupt().raise();
  CHECK_FALSE(first.drain().has_value());
  CHECK(second.drain() == 1);
}

TEST_CASE("raising while another thread rebinds loses nothing") {
  constexpr int raises = 20000;
  const auto event = EventFd::create().value();
  InterruptLine line(event.duplicate().value());
  std::thread raiser([interrupt = line.interrupt()] {
    for (int count = 0; count < raises; ++count) interrupt.raise();
  });
  for (int count = 0; count < 200; ++count) line.bind(event.duplicate().value());
  raiser.join();
  CHECK(event.drain() == raises);
}

TEST_CASE("raising while another thread unbinds and binds never touches an eventfd that is gone") {
  constexpr int raises = 20000;
  const auto event = EventFd::create().value();
  InterruptLine line;
  std::thread raiser([interrupt = line.interrupt()] {
    for (int count = 0; count < raises; ++count) interrupt.raise();
  });
  std::uint64_t came = 0;
  for (int count = 0; count < 200; ++count) {
    line.bind(event.duplicate().value());
    auto led_to = line.unbind();
    REQUIRE(led_to.has_value());
    came += led_to->drain().value_or(0);
  }
  raiser.join();
  CHECK(came <= raises);
  CHECK((came > 0 || line.pending()));
  CHECK_FALSE(event.drain().has_value());
}

TEST_CASE("an interrupt whose eventfd is full and blocking is raised, unbound and bound again") {
  const SleepAlarm alarm;
  const PeerEvent peer;
  peer.fill();
  InterruptLine line(peer.handed_over());
  line.interrupt().raise();
  const auto next = EventFd::create().value();
  line.bind(next.duplicate().value());
  line.interrupt().raise();
  CHECK(next.drain() == 1);
  line.bind(peer.handed_over());
  line.interrupt().raise();
  CHECK(line.unbind().has_value());
  CHECK_FALSE(SleepAlarm::rang());
}

TEST_CASE("raising while another thread binds ours and a peer's in turn reaches one of them") {
  constexpr int raises = 20'000;
  const auto ours = EventFd::create().value();
  const PeerEvent peer;
  InterruptLine line;
  std::thread raiser([interrupt = line.interrupt()] {
    for (int count = 0; count < raises; ++count) interrupt.raise();
  });
  for (int count = 0; count < 200; ++count) {
    line.bind(ours.duplicate().value());
    line.bind(peer.handed_over());
  }
  raiser.join();
  const auto came = ours.drain().value_or(0) + peer.take();
  CHECK(came > 0);
  CHECK(came <= raises);
  CHECK_FALSE(line.pending());
}
