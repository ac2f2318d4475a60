// SPDX-License-Identifier: BSD-3-Clause
//
// The card as its driver has it, by the vfio-user client.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "idio16.hpp"

#include <doctest/doctest.h>

#include "vdev/testing/served_function.hpp"
#include "vdev/transport/vfio_user/client/client.hpp"

using namespace bellwire;

namespace {

constexpr std::uint32_t bar = VFIO_PCI_BAR2_REGION_INDEX;
constexpr std::uint32_t intx = VFIO_PCI_INTX_IRQ_INDEX;

struct Stand {
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
  Stand stand;
  stand.store(0, 0x81);
  stand.store(4, 0x42);
  CHECK(stand.outputs() == 0x4281);
  CHECK(stand.load(0) == 0x81);
  CHECK(stand.load(4) == 0x42);
  REQUIRE(stand.client.reset().has_value());
  CHECK(stand.outputs() == 0);
}

TEST_CASE("our lines come in, and interrupt a driver that wants it, until it clears that") {
  Stand stand;
  const auto events = os::create_events(1).value();
  REQUIRE(stand.client.connect_irqs(intx, 0, events).has_value());
  stand.set_inputs(0x8001);
  CHECK(stand.load(1) == 0x01);
  CHECK(stand.load(5) == 0x80);
  CHECK_FALSE(events[0].drain());

  stand.load(2);
  stand.set_inputs(0x8001);
  CHECK_FALSE(events[0].drain());
  stand.set_inputs(0x0001);
  CHECK(events[0].drain() == 1);
  CHECK(stand.load(6) == 6);  // pending, of the high lines
  stand.store(1, 0);
  CHECK(stand.load(6) == 0);
  REQUIRE(stand.client.act_on_irqs(intx, 0, 1, VFIO_IRQ_SET_ACTION_UNMASK).has_value());
  CHECK_FALSE(events[0].drain());

  stand.store(2, 0);
  stand.set_inputs(0);
  CHECK_FALSE(events[0].drain());
}
