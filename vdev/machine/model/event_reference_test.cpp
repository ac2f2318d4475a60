// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/model/event_reference.hpp"

#include <doctest/doctest.h>

#include "vdev/testing/process.hpp"

using bellwire::machine::EventReference;
using bellwire::testing::PeerEvent;
using bellwire::testing::SleepAlarm;

TEST_CASE(
    "the model signals and takes as the kernel does: whatever the peer does, it never sleeps") {
  const SleepAlarm alarm;
  const PeerEvent peer;
  const int flags = peer.flags();
  const auto reference = EventReference::create(peer.fd()).value();
  CHECK_FALSE(reference.take());
  reference.signal();
  CHECK(reference.pending());
  CHECK(reference.take() == 1);
  peer.fill();
  reference.signal();
  CHECK(reference.take() >= PeerEvent::full);
  CHECK(peer.flags() == flags);
  CHECK_FALSE(SleepAlarm::rang());
}
