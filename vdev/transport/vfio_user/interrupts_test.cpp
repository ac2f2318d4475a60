// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/interrupts.hpp"

#include <doctest/doctest.h>

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
