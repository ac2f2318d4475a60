// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/pci/interrupts.hpp"

#include <doctest/doctest.h>

using namespace bellwire;
using namespace bellwire::pci;
using Kind = InterruptKind;

namespace {

struct Fixture {
  Interrupts interrupts{{.intx = true, .msi = 2, .msix = 4}};
  os::EventFd event = os::EventFd::create().value();

  void connect(Kind kind, unsigned index) {
    interrupts.connect(kind, index, event.duplicate().value());
  }
};

}  // namespace

TEST_CASE("a vector leads to its eventfd while it is connected") {
  Fixture fixture;
  const auto vector = fixture.interrupts.vector(3);
  fixture.connect(Kind::msix, 3);
  vector.raise();
  vector.raise();
  CHECK(fixture.event.drain() == 2);
  fixture.interrupts.disconnect(Kind::msix, 3);
  vector.raise();
  CHECK_FALSE(fixture.event.drain());
}

TEST_CASE("rule 38: a masked vector piles up, and comes once") {
  Fixture fixture;
  fixture.connect(Kind::msix, 0);
  fixture.interrupts.set_masked(Kind::msix, 0, true);
  fixture.interrupts.vector(0).raise();
  fixture.interrupts.vector(0).raise();
  CHECK_FALSE(fixture.event.drain());
  CHECK(fixture.interrupts.pending(Kind::msix, 0));
  fixture.interrupts.set_masked(Kind::msix, 0, false);
  CHECK(fixture.event.drain() == 1);
  CHECK_FALSE(fixture.interrupts.pending(Kind::msix, 0));
}

TEST_CASE("the function mask masks all of MSI-X, and nothing of MSI") {
  Fixture fixture;
  fixture.connect(Kind::msix, 1);
  fixture.interrupts.mask_all(true);
  fixture.interrupts.vector(1).raise();
  CHECK_FALSE(fixture.event.drain());
  fixture.interrupts.mask_all(false);
  CHECK(fixture.event.drain() == 1);
  fixture.interrupts.mask_all(true);
  fixture.connect(Kind::msi, 1);
  fixture.interrupts.vector(1).raise();
  CHECK(fixture.event.drain() == 1);
}

TEST_CASE("a kind of messages takes the vectors over from the other") {
  Fixture fixture;
  fixture.connect(Kind::msi, 0);
  CHECK(fixture.interrupts.uses_messages());
  fixture.connect(Kind::msix, 1);
  fixture.interrupts.vector(0).raise();
  CHECK_FALSE(fixture.event.drain());
  fixture.interrupts.disconnect(Kind::msi);  // it has none any more
  fixture.interrupts.vector(1).raise();
  CHECK(fixture.event.drain() == 1);
  fixture.interrupts.disconnect(Kind::msix);
  CHECK_FALSE(fixture.interrupts.uses_messages());
}

TEST_CASE("INTx is reported once per level, and again if it is still there when unmasked") {
  Fixture fixture;
  fixture.interrupts.set_intx(true);
  fixture.connect(Kind::intx, 0);
  CHECK(fixture.event.drain() == 1);
  fixture.interrupts.set_intx(true);
  CHECK_FALSE(fixture.event.drain());
  fixture.interrupts.set_masked(Kind::intx, 0, false);
  CHECK(fixture.event.drain() == 1);
  fixture.interrupts.set_intx(false);
  fixture.interrupts.set_masked(Kind::intx, 0, false);
  CHECK_FALSE(fixture.event.drain());
  fixture.interrupts.disable_intx(true);
  fixture.interrupts.set_intx(true);
  CHECK_FALSE(fixture.event.drain());
  fixture.interrupts.disable_intx(false);
  CHECK(fixture.event.drain() == 1);
}

TEST_CASE("a reset forgets what is pending, and keeps connections") {
  Fixture fixture;
  fixture.connect(Kind::msix, 0);
  fixture.interrupts.set_masked(Kind::msix, 0, true);
  fixture.interrupts.vector(0).raise();
  fixture.interrupts.vector(1).raise();
  fixture.interrupts.reset();
  CHECK_FALSE(fixture.event.drain());
  CHECK_FALSE(fixture.interrupts.pending(Kind::msix, 1));
  fixture.interrupts.vector(0).raise();
  CHECK(fixture.event.drain() == 1);
}

TEST_CASE("the MSI-X table shows the masks and the pending bits") {
  Fixture fixture;
  MsixRegisters table(fixture.interrupts);
  constexpr std::uint64_t control = 2 * 16 + 12;  // of vector 2
  constexpr std::uint64_t pending = 2048;
  CHECK(MsixRegisters::shape(4).size == 4096);
  CHECK(MsixRegisters::shape(2048).size == 65536);
  CHECK(table.read(control, 4) == 1);  // masked at first
  fixture.connect(Kind::msix, 2);
  CHECK(table.read(control, 4) == 0);
  table.write(control, 4, 1);
  fixture.interrupts.vector(2).raise();
  CHECK_FALSE(fixture.event.drain());
  CHECK(table.read(pending, 8) == 1U << 2);
  CHECK(table.read(pending, 1) == 1U << 2);
  table.write(control - 4, 8, 0x1234);  // data, and control: unmask
  CHECK(fixture.event.drain() == 1);
  CHECK(table.read(pending, 4) == 0);
  CHECK(table.read(control - 4, 4) == 0x1234);
  table.write(0, 8, 0x1122334455667788);
  CHECK(table.read(0, 8) == 0x1122334455667788);
  CHECK(table.read(4, 4) == 0x11223344);
  table.write(4 * 16, 4, 7);  // there is no vector 4
  CHECK(table.read(4 * 16, 4) == 0);
}
