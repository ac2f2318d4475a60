// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/pci/interrupts.hpp"

#include <doctest/doctest.h>

#include "vdev/pci/msix_registers.hpp"

using namespace bellwire;
using namespace bellwire::pci;
using Kind = InterruptKind;

namespace {

struct Stand {
  Interrupts interrupts{{.intx = true, .msi = 2, .msix = 4}};
  os::EventFd event = os::EventFd::create().value();

  void connect(Kind kind, unsigned index) {
    interrupts.connect(kind, index, event.duplicate().value());
  }
};

}  // namespace

TEST_CASE("a vector leads to its eventfd while it is connected") {
  Stand stand;
  const auto vector = stand.interrupts.vector(3);
  stand.connect(Kind::msix, 3);
  vector.raise();
  vector.raise();
  CHECK(stand.event.drain() == 2);
  stand.interrupts.disconnect(Kind::msix, 3);
  vector.raise();
  CHECK_FALSE(stand.event.drain());
}

TEST_CASE("rule 38: a masked vector piles up, and comes once") {
  Stand stand;
  stand.connect(Kind::msix, 0);
  stand.interrupts.set_masked(Kind::msix, 0, true);
  stand.interrupts.vector(0).raise();
  stand.interrupts.vector(0).raise();
  CHECK_FALSE(stand.event.drain());
  CHECK(stand.interrupts.pending(Kind::msix, 0));
  stand.interrupts.set_masked(Kind::msix, 0, false);
  CHECK(stand.event.drain() == 1);
  CHECK_FALSE(stand.interrupts.pending(Kind::msix, 0));
}

TEST_CASE("the function mask masks all of MSI-X, and nothing of MSI") {
  Stand stand;
  stand.connect(Kind::msix, 1);
  stand.interrupts.mask_all(true);
  stand.interrupts.vector(1).raise();
  CHECK_FALSE(stand.event.drain());
  stand.interrupts.mask_all(false);
  CHECK(stand.event.drain() == 1);
  stand.interrupts.mask_all(true);
  stand.connect(Kind::msi, 1);
  stand.interrupts.vector(1).raise();
  CHECK(stand.event.drain() == 1);
}

TEST_CASE("a kind of messages takes the vectors over from the other") {
  Stand stand;
  stand.connect(Kind::msi, 0);
  CHECK(stand.interrupts.uses_messages());
  stand.connect(Kind::msix, 1);
  stand.interrupts.vector(0).raise();
  CHECK_FALSE(stand.event.drain());
  stand.interrupts.disconnect(Kind::msi);  // it has none any more
  stand.interrupts.vector(1).raise();
  CHECK(stand.event.drain() == 1);
  stand.interrupts.disconnect(Kind::msix);
  CHECK_FALSE(stand.interrupts.uses_messages());
}

TEST_CASE("INTx is told once a level, and again if it is still there when unmasked") {
  Stand stand;
  stand.interrupts.set_intx(true);
  stand.connect(Kind::intx, 0);
  CHECK(stand.event.drain() == 1);
  stand.interrupts.set_intx(true);
  CHECK_FALSE(stand.event.drain());
  stand.interrupts.set_masked(Kind::intx, 0, false);
  CHECK(stand.event.drain() == 1);
  stand.interrupts.set_intx(false);
  stand.interrupts.set_masked(Kind::intx, 0, false);
  CHECK_FALSE(stand.event.drain());
  stand.interrupts.disable_intx(true);
  stand.interrupts.set_intx(true);
  CHECK_FALSE(stand.event.drain());
  stand.interrupts.disable_intx(false);
  CHECK(stand.event.drain() == 1);
}

TEST_CASE("a reset forgets what is pending, and keeps connections") {
  Stand stand;
  stand.connect(Kind::msix, 0);
  stand.interrupts.set_masked(Kind::msix, 0, true);
  stand.interrupts.vector(0).raise();
  stand.interrupts.vector(1).raise();
  stand.interrupts.reset();
  CHECK_FALSE(stand.event.drain());
  CHECK_FALSE(stand.interrupts.pending(Kind::msix, 1));
  stand.interrupts.vector(0).raise();
  CHECK(stand.event.drain() == 1);
}

TEST_CASE("the MSI-X table shows the masks and the pending bits") {
  Stand stand;
  MsixRegisters table(stand.interrupts);
  constexpr std::uint64_t control = 2 * 16 + 12;  // of vector 2
  constexpr std::uint64_t pending = 2048;
  CHECK(MsixRegisters::shape(4).size == 4096);
  CHECK(MsixRegisters::shape(2048).size == 65536);
  CHECK(table.read(control, 4) == 1);  // masked at first
  stand.connect(Kind::msix, 2);
  CHECK(table.read(control, 4) == 0);
  table.write(control, 4, 1);
  stand.interrupts.vector(2).raise();
  CHECK_FALSE(stand.event.drain());
  CHECK(table.read(pending, 8) == 1U << 2);
  CHECK(table.read(pending, 1) == 1U << 2);
  table.write(control - 4, 8, 0x1234);  // data, and control: unmask
  CHECK(stand.event.drain() == 1);
  CHECK(table.read(pending, 4) == 0);
  CHECK(table.read(control - 4, 4) == 0x1234);
  table.write(0, 8, 0x1122334455667788);
  CHECK(table.read(0, 8) == 0x1122334455667788);
  CHECK(table.read(4, 4) == 0x11223344);
  table.write(4 * 16, 4, 7);  // there is no vector 4
  CHECK(table.read(4 * 16, 4) == 0);
}
