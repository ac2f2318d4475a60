// SPDX-License-Identifier: BSD-3-Clause
//
// When one side tells the other: by the standard's rule, for every event that can be asked for
// (virtio 1.2, sections 2.7.7, 2.7.10 and 2.8.10). The other side's word is written here, as raw
// memory.
#include <doctest/doctest.h>

#include <iterator>

#include "vdev/testing/virtqueue_pair.hpp"

using namespace bellwire;
using namespace bellwire::virtio;
using bellwire::testing::VirtqueuePair;

namespace {

constexpr std::uint16_t batches[] = {1, 2, 7};

struct Side {
  VirtqueuePair& pair;

  // Both sides exchange `count` chains, each of which is one descriptor.
  void exchange(unsigned count) const {
    const GuestBuffer buffer{pair.buffers(), 1};
    for (unsigned index = 0; index < count; ++index)
      REQUIRE(pair.driver.add({&buffer, 1}, {}, index));
    pair.driver.publish();
    while (pair.pop() == Taken::chain) pair.device.push(pair.storage.chain(), 0);
    pair.device.publish();
    while (pair.driver.poll_used()) {
    }
  }
  // What the other side asks for: the place `distance` behind that of the next exchange.
  [[nodiscard]] std::uint16_t place(unsigned distance) const {
    const auto at = pair.device.position();
    const unsigned size = pair.layout.size;
    if (!pair.layout.packed) return static_cast<std::uint16_t>(at.next_used + distance);
    const auto now = at.next_used + (at.used_wrap ? 0U : size);
    const auto then = (now + distance) % (2 * size);
    return static_cast<std::uint16_t>(then < size ? then | 1U << 15 : then - size);
  }
};

// The words that ask the device for calls, and the driver for kicks.
void ask_for_call(VirtqueuePair& pair, std::uint16_t place) {
  const auto& layout = pair.layout;
  if (layout.packed)
    *pair.memory.at<vring_packed_desc_event>(layout.driver_area) = {place,
                                                                    VRING_PACKED_EVENT_FLAG_DESC};
  else
    pair.memory.at<vring_avail>(layout.driver_area)->ring[layout.size] = place;
}
void ask_for_kick(VirtqueuePair& pair, std::uint16_t place) {
  const auto& layout = pair.layout;
  if (layout.packed)
    *pair.memory.at<vring_packed_desc_event>(layout.device_area) = {place,
                                                                    VRING_PACKED_EVENT_FLAG_DESC};
  else
    *reinterpret_cast<__virtio16*>(
        &pair.memory.at<vring_used>(layout.device_area)->ring[layout.size]) = place;
}

// Every distance, with one batch; with all of them where they differ.
void check_all_distances(VirtqueuePair& pair, unsigned cycle) {
  const Side side{pair};
  unsigned wrong = 0;
  for (unsigned distance = 0; distance < cycle; ++distance)
    for (const auto batch : batches) {
      const bool differ = distance < 10 || distance + 10 >= cycle;
      if (!differ && batch != batches[distance % std::size(batches)]) continue;
      const auto place = side.place(distance);
      ask_for_call(pair, place);
      ask_for_kick(pair, place);
      side.exchange(batch);
      wrong += pair.device.should_call() != (distance < batch) ? 1 : 0;
      wrong += pair.driver.should_kick() != (distance < batch) ? 1 : 0;
      wrong += pair.device.should_call() || pair.driver.should_kick() ? 1 : 0;  // nothing is new
    }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("a split queue's sides tell each other when the index that was asked for is passed") {
  VirtqueuePair pair({.size = 8, .event_index = true});
  check_all_distances(pair, 65536);
}

TEST_CASE("a packed queue's sides do so with the wrap counter, whatever the size") {
  for (const std::uint16_t size : {std::uint16_t{8}, std::uint16_t{13}, most_entries}) {
    CAPTURE(size);
    VirtqueuePair pair({.size = size, .packed = true, .event_index = true});
    check_all_distances(pair, 2U * size);
  }
}

TEST_CASE("a call for a whole packed ring is never left out") {
  VirtqueuePair pair({.size = 8, .packed = true, .event_index = true});
  const Side side{pair};
  ask_for_call(pair, side.place(0));
  for (unsigned times = 0; times < 3; ++times) side.exchange(8);
  CHECK(pair.device.should_call());
}

TEST_CASE("without event indexes, flags decide, and the indexes mean nothing") {
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    VirtqueuePair pair({.size = 8, .packed = packed});
    const Side side{pair};
    CHECK(pair.driver.enable_calls());
    CHECK(pair.device.enable_kicks());
    side.exchange(1);
    CHECK(pair.device.should_call());
    CHECK(pair.driver.should_kick());
    pair.driver.disable_calls();
    pair.device.disable_kicks();
    side.exchange(1);
    CHECK_FALSE(pair.device.should_call());
    CHECK_FALSE(pair.driver.should_kick());
    if (packed) continue;
    CHECK(pair.driver.enable_calls());
    ask_for_call(pair, side.place(100));
    side.exchange(1);
    CHECK(pair.device.should_call());
  }
}

TEST_CASE("with event indexes, a split queue's flags mean nothing and stay 0") {
  VirtqueuePair pair({.size = 8, .event_index = true});
  const Side side{pair};
  pair.device.disable_kicks();
  pair.driver.disable_calls();
  auto& available = *pair.memory.at<vring_avail>(pair.layout.driver_area);
  CHECK(available.flags == 0);
  CHECK(pair.memory.at<vring_used>(pair.layout.device_area)->flags == 0);
  available.flags = VRING_AVAIL_F_NO_INTERRUPT;
  ask_for_call(pair, side.place(0));
  side.exchange(1);
  CHECK(pair.device.should_call());
}

TEST_CASE("flags that the standard reserves ask for everything") {
  VirtqueuePair pair({.size = 8, .packed = true, .event_index = true});
  const Side side{pair};
  *pair.memory.at<vring_packed_desc_event>(pair.layout.driver_area) = {0, 3};
  side.exchange(1);
  CHECK(pair.device.should_call());
}
