// SPDX-License-Identifier: BSD-3-Clause
//
// The arithmetic of indices that wrap, in every case that small rings have, against a ring that is
// walked step by step.
#include "vdev/virtio/packed_index.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace bellwire::virtio;

namespace {

// One descriptor after the other.
void step(PackedIndex& at, std::uint16_t size) {
  const bool last = at.index() + 1 == size;
  at = PackedIndex(last ? std::uint16_t{0} : static_cast<std::uint16_t>(at.index() + 1),
                   last != at.wrap());
}

std::vector<PackedIndex> places_of(std::uint16_t size) {
  std::vector<PackedIndex> all;
  for (std::uint16_t index = 0; index < size; ++index)
    for (const bool wrap : {false, true}) all.emplace_back(index, wrap);
  return all;
}

}  // namespace

TEST_CASE("an index advances as one that takes each step") {
  for (const unsigned number : {1U, 2U, 3U, 7U, 8U, 33U, 64U}) {
    const auto size = static_cast<std::uint16_t>(number);
    for (const auto from : places_of(size)) {
      auto stepped = from;
      for (std::uint32_t count = 0; count <= size; ++count) {
        auto advanced = from;
        advanced.advance(count, size);
        REQUIRE(advanced == stepped);
        step(stepped, size);
      }
    }
  }
}

TEST_CASE("the largest ring wraps like the others") {
  constexpr std::uint16_t size = 32768;
  for (const bool wrap : {false, true}) {
    PackedIndex at(size - 1, wrap);
    at.advance(1, size);
    CHECK(at == PackedIndex(0, !wrap));
    at.advance(size, size);
    CHECK(at == PackedIndex(0, wrap));
  }
}

// Those that moved past the place that it asked for: from there on, the ring has the place's turn.
TEST_CASE("an event is reached exactly when its descriptor is among the new ones") {
  for (std::uint16_t size = 1; size <= 9; ++size)
    for (const auto before : places_of(size))
      for (std::uint32_t count = 0; count < size; ++count) {
        auto now = before;
        std::vector<PackedIndex> passed;
        for (std::uint32_t each = 0; each < count; ++each) {
          passed.push_back(now);
          step(now, size);
        }
        for (const auto asked : places_of(size)) {
          const bool among = std::ranges::find(passed, asked) != passed.end();
          CAPTURE(size);
          CAPTURE(count);
          CAPTURE(asked.place());
          REQUIRE(PackedEvent::at(asked).reached(now, count, true, size) == among);
        }
      }
}

TEST_CASE("a whole round reaches every event") {
  for (const auto now : places_of(8))
    for (const auto asked : places_of(8)) CHECK(PackedEvent::at(asked).reached(now, 8, true, 8));
}

TEST_CASE("an event that no ring has is an answer, and no crash") {
  for (unsigned place = 0; place < 0x10000; ++place)
    static_cast<void>(
        PackedEvent{static_cast<std::uint16_t>(place), VRING_PACKED_EVENT_FLAG_DESC}.reached(
            PackedIndex(5, true), 3, true, 8));
}

// It depends on the two differences alone, of which all are tried that lie near an edge.
TEST_CASE("a split ring's event is reached exactly when its entry is among the new ones") {
  for (const unsigned base : {0U, 1U, 0x7FFFU, 0x8000U, 0xFFFFU})
    for (const unsigned count : {0U, 1U, 2U, 3U, 255U, 256U, 0x7FFFU, 0x8000U, 0xFFFEU, 0xFFFFU})
      for (unsigned ahead = 0; ahead < 0x10000; ++ahead) {
        const auto before = static_cast<std::uint16_t>(base);
        const auto now = static_cast<std::uint16_t>(base + count);
        const auto event = static_cast<std::uint16_t>(base + ahead);
        if ((vring_need_event(event, now, before) != 0) != (ahead < count))
          FAIL("event ", event, ", from ", before, " to ", now);
      }
}
