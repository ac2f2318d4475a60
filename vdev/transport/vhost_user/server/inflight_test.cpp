// SPDX-License-Identifier: BSD-3-Clause
//
// What a process that was killed had in flight: rules 67 and 68 of docs/semantics.md.
#include "vdev/transport/vhost_user/server/inflight.hpp"

#include "vdev/testing/vhost_user_script.hpp"

using namespace bellwire;
using namespace bellwire::testing;
using namespace bellwire::vhost_user;
using Heads = std::vector<std::uint16_t>;

namespace {

MemoryView zeroed(std::uint16_t size) {
  return GuestMemory::create(inflight_part(size));
}

// A copy, as a process finds it that starts when another was killed at this moment.
MemoryView copy(const MemoryView& part, std::uint16_t size) {
  auto made = zeroed(size);
  std::ranges::copy(part.bytes(), made.bytes().begin());
  return made;
}

SplitInflightHeader& header_of(const MemoryView& part) {
  return *reinterpret_cast<SplitInflightHeader*>(part.bytes().data());
}

SplitInflightEntry& entry_of(const MemoryView& part, unsigned head) {
  return reinterpret_cast<SplitInflightEntry*>(part.bytes().data() + 16)[head];
}

struct Tracked {
  MemoryView part = zeroed(8);
  SplitInflight inflight{part, 8};

  Tracked() { (void)inflight.resume({}); }
  // What the next process does if this one is killed now; the ring's used index is `used`.
  [[nodiscard]] Resumption killed(std::uint16_t used) const {
    return SplitInflight(copy(part, 8), 8).resume({.next_used = used});
  }
};

}  // namespace

TEST_CASE("a fresh region has nothing in flight, and the base counts (68)") {
  SplitInflight inflight(zeroed(8), 8);
  const auto begun = inflight.resume({.next_available = 7, .next_used = 7});
  CHECK(begun.in_flight.empty());
  CHECK(begun.position.next_available == 7);
  CHECK(begun.position.next_used == 7);
}

TEST_CASE("what was taken and not returned is served again, in its order (68)") {
  Tracked tracked;
  for (const auto head : Heads{5, 0, 3}) tracked.inflight.taken(head);
  auto left = tracked.killed(0);
  CHECK(left.in_flight == Heads{5, 0, 3});
  CHECK(left.position.next_available == 3);
  tracked.inflight.returning(0);
  CHECK(tracked.killed(0).in_flight == Heads{5, 0, 3});  // not published
  left = tracked.killed(1);                              // published, not cleared
  CHECK(left.in_flight == Heads{5, 3});
  CHECK(left.position.next_available == 3);
  tracked.inflight.published(1);
  left = tracked.killed(1);
  CHECK(left.in_flight == Heads{5, 3});
  CHECK(left.position.next_used == 1);
  CHECK(left.position.next_available == 3);
}

TEST_CASE("a process that is killed between any two batches leaves each request once") {
  Tracked tracked;
  std::uint16_t used = 0xFFFA;  // and wraps
  tracked.part = zeroed(8);
  tracked.inflight = SplitInflight(tracked.part, 8);
  (void)tracked.inflight.resume({.next_available = used, .next_used = used});
  for (std::uint16_t round = 0; round < 20; ++round) {
    const auto one = static_cast<std::uint16_t>(round % 4);
    const auto other = static_cast<std::uint16_t>(4 + round % 3);
    tracked.inflight.taken(other);
    tracked.inflight.taken(one);
    CHECK(tracked.killed(used).in_flight == Heads{other, one});
    tracked.inflight.returning(one);
    CHECK(tracked.killed(used).in_flight == Heads{other, one});
    tracked.inflight.returning(other);
    CHECK(tracked.killed(used).in_flight == Heads{other, one});
    used = static_cast<std::uint16_t>(used + 2);
    CHECK(tracked.killed(used).in_flight.empty());
    entry_of(tracked.part, one).inflight = 0;  // killed while it clears the batch
    CHECK(tracked.killed(used).in_flight.empty());
    tracked.inflight.published(used);
    CHECK(tracked.killed(used).in_flight.empty());
    CHECK(tracked.killed(used).position.next_available == used);
  }
}

TEST_CASE("a batch that holds less than was published clears nothing else") {
  Tracked tracked;
  for (const auto head : Heads{1, 2}) tracked.inflight.taken(head);
  tracked.inflight.returning(1);
  CHECK(tracked.killed(2).in_flight == Heads{2});  // a malformed chain was published as well
}

TEST_CASE("a region that can't be right is begun anew, whatever it says") {
  const auto begun_anew = [](auto spoil) {
    Tracked tracked;
    tracked.inflight.taken(4);
    spoil(tracked.part);
    const auto left = SplitInflight(copy(tracked.part, 8), 8).resume({9, 5});
    return left.in_flight.empty() && left.position.next_available == 9;
  };
  CHECK(begun_anew([](const MemoryView& part) { header_of(part).version = 2; }));
  CHECK(begun_anew([](const MemoryView& part) { header_of(part).desc_num = 16; }));
  CHECK(begun_anew([](const MemoryView& part) { header_of(part).used_idx = 6; }));
  CHECK(begun_anew([](const MemoryView& part) { header_of(part).used_idx = 0xFFFC; }));
  Tracked tracked;
  for (std::uint16_t head = 0; head < 8; ++head) tracked.inflight.taken(head);
  header_of(tracked.part).last_batch_head = 0xFFFF;
  CHECK(tracked.killed(3).in_flight.size() == 8);
  for (unsigned head = 0; head < 8; ++head) entry_of(tracked.part, head).next = 0xFFFF;
  header_of(tracked.part).last_batch_head = 0;
  CHECK(tracked.killed(3).in_flight.size() == 7);
  for (unsigned head = 0; head < 8; ++head) entry_of(tracked.part, head).counter = ~0ULL;
  CHECK(tracked.killed(0).in_flight.size() == 8);
}

TEST_CASE("the region is sized by what the front-end asks for, and answered at its length (67)") {
  ServedBackend served;
  ScriptedFrontEnd front(served);
  front.negotiate();
  for (const std::size_t length : {20U, 24U}) {
    Bytes asked = ScriptedFrontEnd::bytes_of(Inflight{0, 0, 2, 16, 0});
    asked.resize(length);
    front.say(Request::get_inflight_fd, asked);
    const auto got = front.answer().value();
    CHECK(got.payload.size() == length);
    REQUIRE(got.fds.size() == 1);
    CHECK(head<std::uint64_t>(got.payload).value() >= 2 * inflight_part(16));
  }
  front.say(Request::get_inflight_fd, Inflight{0, 0, 3, 16, 0});
  const auto none = front.answer().value();
  CHECK(none.fds.empty());
  CHECK(head<std::uint64_t>(none.payload) == std::uint64_t{0});
  const auto refused = [&](const Inflight& where) {
    return front.acknowledged(Request::set_inflight_fd, where, {front.file().get()}) != 0;
  };
  CHECK_FALSE(refused({0, 0, 2, 16, 0}));
  CHECK_FALSE(refused({2 * inflight_part(16), 0, 2, 16, 0}));
  CHECK(refused({2 * inflight_part(16) - 1, 0, 2, 16, 0}));
  CHECK(refused({64, 0, 0, 16, 0}));
  CHECK(refused({2 * inflight_part(16), 1 << 20, 2, 16, 0}));
  CHECK(refused({~0ULL, 8, 2, 16, 0}));
  CHECK(refused({2 * inflight_part(16), 4, 2, 16, 0}));
}

TEST_CASE(
    "requests that an earlier process left in flight are served first, whatever the base (68)") {
  const std::uint32_t bases[] = {1, 3};  // the used index, as QEMU sends it, or the available one
  for (const auto base : bases) {
    CAPTURE(base);
    ServedBackend served;
    served.device.at_once = true;
    ScriptedFrontEnd front(served);
    const auto file = os::create_memfd("inflight", inflight_part(16)).value();
    const MemoryView part(os::Mapping::create(file.get(), inflight_part(16)).value());
    for (std::uint64_t token = 0; token < 4; ++token) front.offer(0, token);
    // What a process leaves behind that took three, and returned the first.
    auto* const used_idx = reinterpret_cast<std::uint16_t*>(front.memory().data() + 0x2000 + 2);
    SplitInflight earlier(part, 16);
    (void)earlier.resume({});
    for (const auto head : Heads{0, 1, 2}) earlier.taken(head);
    earlier.returning(0);
    *used_idx = 1;
    earlier.published(1);
    front.negotiate();
    front.say(Request::set_inflight_fd, Inflight{inflight_part(16), 0, 1, 16, 0}, {file.get()});
    front.share_memory();
    front.start(0, base);
    CHECK(front.used().token == 0);
    for (std::uint64_t token = 1; token < 4; ++token) CHECK(front.used().token == token);
    CHECK(served.device.handled == 3);
    CHECK(front.stop(0) == 4);
    CHECK(header_of(part).used_idx == 4);
  }
}
