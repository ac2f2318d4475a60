// SPDX-License-Identifier: BSD-3-Clause
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "dice.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "vdev/testing/virtio_guest.hpp"

using namespace bellwire;
using testing::VirtioGuest;

namespace {

std::vector<std::byte> throw_dice(unsigned seed) {
  Dice dice(seed);
  VirtioGuest guest(dice);
  guest.start(0);
  const virtio::GuestBuffer buffers[] = {guest.allocate(40), guest.allocate(24)};
  guest.submit(0, {}, buffers);
  CHECK(guest.wait_used(0).written == 64);
  const auto bytes = guest.bytes({buffers[0].address, 40});
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("the same seed gives the same bytes, another one others") {
  CHECK(throw_dice(7) == throw_dice(7));
  CHECK(throw_dice(7) != throw_dice(8));
}

TEST_CASE("a queue that is stopped has its requests back") {
  Dice dice(1);
  VirtioGuest guest(dice);
  guest.start(0);
  for (std::uint64_t token = 0; token < 5; ++token) guest.submit(0, token);
  guest.run();
  const auto position = guest.stop(0);
  CHECK(position.next_used == 5);
}
