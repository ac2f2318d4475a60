// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/rng.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "vdev/testing/holding_device.hpp"
#include "vdev/testing/virtio_guest.hpp"

using namespace bellwire;
using namespace bellwire::testing;

TEST_CASE_TEMPLATE("rng fills each buffer with other bytes", Layout, Split, Packed) {
  Rng rng;
  VirtioGuest guest(rng, {.packed = Layout::packed});
  guest.start(0);
  const virtio::GuestBuffer first[] = {guest.allocate(30), guest.allocate(34)};
  const virtio::GuestBuffer second[] = {guest.allocate(64)};
  guest.submit(0, {}, first, 1);
  guest.submit(0, {}, second, 2);
  CHECK(guest.wait_used(0).written == 64);
  CHECK(guest.wait_used(0).written == 64);
  const auto zeros = [&](const virtio::GuestBuffer& buffer) {
    return std::ranges::count(guest.bytes(buffer), std::byte{0});
  };
  CHECK(zeros(first[0]) < 10);
  CHECK(zeros(first[1]) < 10);
  CHECK_FALSE(std::ranges::equal(guest.bytes(first[0]), guest.bytes(second[0]).first(30)));
}

TEST_CASE("rng fills a part of a huge buffer, and nothing of none") {
  Rng rng;
  VirtioGuest guest(rng);
  guest.start(0);
  const virtio::GuestBuffer huge[] = {guest.allocate(1 << 20)};
  guest.submit(0, {}, huge);
  CHECK(guest.wait_used(0).written == 4096);
  CHECK(guest.bytes(huge[0])[4096] == std::byte{0});
  guest.submit(0, huge, {});  // nothing to write to
  CHECK(guest.wait_used(0).written == 0);
}
