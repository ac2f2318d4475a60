// SPDX-License-Identifier: BSD-3-Clause
//
// The card as its driver has it, by the vfio-user client.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "idio16.hpp"

#include <doctest/doctest.h>

#include "vdev/testing/vfio_user.hpp"
#include "vdev/transport/vfio_user/client/client.hpp"

using namespace bellwire;

namespace {

constexpr std::uint32_t bar = VFIO_PCI_BAR2_REGION_INDEX;
constexpr std::uint32_t intx = VFIO_PCI_INTX_IRQ_INDEX;

struct Fixture {
  testing::ServedFunction<Idio16> card;
  vfio_user::Client client = vfio_user::Client::connect(card.path()).value();

  unsigned load(std::uint64_t at) { return client.load<std::uint8_t>(bar, at).value(); }
  void store(std::uint64_t at, std::uint8_t value) {
    REQUIRE(client.store(bar, at, value).has_value());
  }
  std::uint16_t outputs() {
    return card.with([](const Idio16& function) { return function.outputs(); });
  }
  void set_inputs(std::uint16_t lines) {
    card.with([lines](Idio16& function) { function.set_inputs(lines); });
  }
};

}  // namespace

TEST_CASE("the guest's lines come out, and can be read back") {
  Fixture fixture;
  fixture.store(0, 0x81);
  fixture.store(4, 0x42);
  CHECK(fixture.outputs() == 0x4281);
  CHECK(fixture.load(0) == 0x81);
  CHECK(fixture.load(4) == 0x42);
  REQUIRE(fixture.client.reset().has_value());
  CHECK(fixture.outputs() == 0);
}

TEST_CASE("our lines come in, and interrupt a driver that wants it, until it clears that") {
  Fixture fixture;
  const auto events = os::create_events(1).value();
  REQUIRE(fixture.client.connect_irqs(intx, 0, events).has_value());
  fixture.set_inputs(0x8001);
  CHECK(fixture.load(1) == 0x01);
  CHECK(fixture.load(5) == 0x80);
  CHECK_FALSE(events[0].drain());

  fixture.load(2);
  fixture.set_inputs(0x8001);
  CHECK_FALSE(events[0].drain());
  fixture.set_inputs(0x0001);
  CHECK(events[0].drain() == 1);
  CHECK(fixture.load(6) == 6);  // pending, of the high lines
  fixture.store(1, 0);
  CHECK(fixture.load(6) == 0);
  REQUIRE(fixture.client.act_on_irqs(intx, 0, 1, VFIO_IRQ_SET_ACTION_UNMASK).has_value());
  CHECK_FALSE(events[0].drain());

  fixture.store(2, 0);
  fixture.set_inputs(0);
  CHECK_FALSE(events[0].drain());
}
