// SPDX-License-Identifier: BSD-3-Clause
//
// The same as inflight_test.cpp, of packed rings: rules 67 and 68 of docs/semantics.md. The ring
// and the region are copied at a moment, and another process begins with the copies.
#include "vdev/transport/vhost_user/server/packed_inflight.hpp"

#include "vdev/testing/vhost_user_script.hpp"

using namespace bellwire;
using namespace bellwire::testing;
using namespace bellwire::vhost_user;
using virtio::PackedIndex;

namespace {

constexpr std::uint16_t ring_entries = 4;
using Ids = std::vector<std::uint16_t>;

MemoryView copied(const MemoryView& from) {
  auto made = GuestMemory::create(from.bytes().size());
  std::ranges::copy(from.bytes(), made.bytes().begin());
  return made;
}

// A ring whose driver makes chains of one or two descriptors available, and whose device returns
// them in any order.
struct TrackedPacked {
  MemoryView part = GuestMemory::create(inflight_part(ring_entries));
  MemoryView ring = GuestMemory::create(ring_entries * sizeof(vring_packed_desc));
  PackedInflight inflight{part, ring, ring_entries};
  PackedIndex available, used;

  TrackedPacked() { (void)inflight.resume({}); }

  vring_packed_desc& at(std::uint16_t index) const {
    return reinterpret_cast<vring_packed_desc*>(ring.bytes().data())[index];
  }
  virtio::Chain take(std::uint16_t id, std::uint16_t descriptors = 1) {
    const virtio::Chain chain{.id = id, .descriptors = descriptors};
    auto place = available;
    for (std::uint16_t count = 0; count < descriptors; ++count) {
      const bool more = count + 1 < descriptors;
      const auto flags = place.available_flags() | (more ? VRING_DESC_F_NEXT : 0U);
      at(place.index()) = {std::uint64_t{id} << 12, count, id, static_cast<std::uint16_t>(flags)};
      place.advance(1, ring_entries);
    }
    available = place;
    inflight.taken(chain);
    return chain;
  }
  [[nodiscard]] virtio::QueuePosition position() const {
    return {available.index(), used.index(), available.wrap(), used.wrap()};
  }
  void give_back(std::initializer_list<virtio::Chain> chains) {
    for (const auto& chain : chains) {
      inflight.returning(chain);
      used.advance(chain.descriptors, ring_entries);
    }
    inflight.publishing(position());
  }
  // What makes a batch visible: the flags of its first descriptor.
  void publish(PackedIndex first) const { at(first.index()).flags = first.used_flags(); }

  struct Left {
    Ids ids;
    virtio::QueuePosition position;
  };
  // What the next process finds if this one is killed now.
  [[nodiscard]] Left killed() const {
    auto left =
        PackedInflight(copied(part), copied(ring), ring_entries).resume({.next_available = 3});
    Ids ids;
    for (const auto& list : left.packed_in_flight) ids.push_back(list.back().id);
    return {ids, left.position};
  }
};

}  // namespace

TEST_CASE("packed: a fresh region has nothing in flight, and the base counts") {
  const TrackedPacked tracked;
  PackedInflight fresh(GuestMemory::create(inflight_part(ring_entries)), copied(tracked.ring),
                       ring_entries);
  const auto begun = fresh.resume({2, 2, false, false});
  CHECK(begun.packed_in_flight.empty());
  CHECK(begun.position == virtio::QueuePosition{2, 2, false, false});
}

TEST_CASE("packed: what was taken and not returned is served again, by its own descriptors") {
  TrackedPacked tracked;
  const auto two = tracked.take(7, 2);
  const auto one = tracked.take(9);
  CHECK(tracked.killed().ids == Ids{7, 9});
  CHECK(tracked.killed().position == virtio::QueuePosition{3, 0, true, true});
  const auto before = tracked.used;
  tracked.give_back({one});
  CHECK(tracked.killed().ids == Ids{7, 9});  // the driver has not seen it
  tracked.publish(before);
  CHECK(tracked.killed().ids == Ids{7});
  CHECK(tracked.killed().position == virtio::QueuePosition{3, 1, true, true});
  tracked.inflight.published(tracked.position());
  CHECK(tracked.killed().ids == Ids{7});
  PackedInflight next(copied(tracked.part), copied(tracked.ring), ring_entries);
  const auto lists = next.resume({}).packed_in_flight;
  REQUIRE(lists.size() == 1);
  REQUIRE(lists[0].size() == 2);  // although the driver's first descriptor was overwritten
  CHECK(lists[0][0].addr == std::uint64_t{7} << 12);
  CHECK((lists[0][0].flags & VRING_DESC_F_NEXT) != 0);
  CHECK(lists[0][1].len == 1);
  CHECK(two.descriptors == 2);
}

TEST_CASE("packed: killed at any step of many batches, each request is left once") {
  TrackedPacked tracked;
  for (std::uint16_t round = 0; round < 12; ++round) {
    const auto first = tracked.take(static_cast<std::uint16_t>(2 * round), 1 + round % 2);
    const auto second = tracked.take(static_cast<std::uint16_t>(2 * round + 1));
    const Ids both{first.id, second.id};
    CHECK(tracked.killed().ids == both);
    auto before = tracked.used;
    tracked.give_back({second});
    CHECK(tracked.killed().ids == both);
    tracked.publish(before);
    CHECK(tracked.killed().ids == Ids{first.id});
    tracked.inflight.published(tracked.position());
    CHECK(tracked.killed().ids == Ids{first.id});
    CHECK(tracked.killed().position == tracked.position());
    before = tracked.used;
    tracked.give_back({first});
    CHECK(tracked.killed().ids == Ids{first.id});
    tracked.publish(before);
    CHECK(tracked.killed().ids.empty());
    tracked.inflight.published(tracked.position());
    CHECK(tracked.killed().ids.empty());
    CHECK(tracked.killed().position == tracked.position());
  }
}

TEST_CASE("packed: a region that can't be right is begun anew, or at least does no harm") {
  const auto spoilt = [](auto spoil) {
    TrackedPacked tracked;
    (void)tracked.take(1);
    (void)tracked.take(2, 2);
    auto* const bytes = tracked.part.bytes().data();
    spoil(*reinterpret_cast<PackedInflightHeader*>(bytes),
          reinterpret_cast<PackedInflightEntry*>(bytes + sizeof(PackedInflightHeader)));
    return tracked.killed();
  };
  using Head = PackedInflightHeader&;
  using Entries = PackedInflightEntry*;
  const virtio::QueuePosition anew{.next_available = 3};
  CHECK(spoilt([](Head head, Entries) { head.version = 7; }).position == anew);
  CHECK(spoilt([](Head head, Entries) { head.desc_num = 8; }).position == anew);
  CHECK(spoilt([](Head head, Entries) { head.old_used_idx = ring_entries; }).position == anew);
  CHECK(spoilt([](Head, Entries entries) { entries[0].num = 0; }).position == anew);
  CHECK(spoilt([](Head, Entries entries) { entries[1].num = 0xFFFF; }).position == anew);
  CHECK(spoilt([](Head, Entries entries) { entries[1].next = 0xFFFF; }).position == anew);
  CHECK(spoilt([](Head head, Entries) { head.old_free_head = 0xFFFF; }).ids.size() == 2);
  CHECK(spoilt([](Head head, Entries) { head.old_free_head = 0; }).ids.size() <= 2);
}

TEST_CASE(
    "packed: requests that an earlier process left are served first, whatever the base (68)") {
  const auto file = os::create_memfd("inflight", inflight_part(16)).value();
  const Inflight where{inflight_part(16), 0, 1, 16, 0};
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served, true);
  for (std::uint64_t token = 0; token < 3; ++token) front.offer(0, token);
  {  // a process that took two of them, and returned none
    const auto map = [](int fd, std::uint64_t bytes, std::uint64_t offset = 0) {
      return MemoryView(os::Mapping::create(fd, bytes, offset).value());
    };
    const auto ring = map(front.file().get(), 16 * sizeof(vring_packed_desc));
    PackedInflight earlier(map(file.get(), inflight_part(16)), ring, 16);
    (void)earlier.resume({});
    for (unsigned index = 0; index < 2; ++index) {
      const auto* const list = reinterpret_cast<vring_packed_desc*>(ring.bytes().data());
      earlier.taken({.id = list[index].id, .descriptors = 1});
    }
  }
  front.negotiate();
  front.say(Request::set_inflight_fd, where, {file.get()});
  front.share_memory();
  front.start(0, 0x8000);  // as if nothing had been taken
  for (std::uint64_t token = 0; token < 3; ++token) CHECK(front.used().token == token);
  CHECK(served.device.handled == 3);
  CHECK(front.stop(0) == 0x8003'8003);
  front.set_ring(0, "BK", 0x8000);  // and again, by a base that is wrong
  front.submit(0, 9);
  CHECK(front.used().token == 9);
}
