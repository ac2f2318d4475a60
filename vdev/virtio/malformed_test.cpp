// SPDX-License-Identifier: BSD-3-Clause
//
// What a hostile driver writes, as raw descriptors, in both layouts: malformed chains come back
// with length 0 and the queue goes on; impossible words of the ring break it.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "vdev/testing/virtqueue_pair.hpp"

using namespace bellwire;
using namespace bellwire::virtio;
using bellwire::testing::GuestMemory;
using bellwire::testing::VirtqueuePair;

namespace {

constexpr std::uint16_t next_flag = VRING_DESC_F_NEXT;
constexpr std::uint16_t write_flag = VRING_DESC_F_WRITE;
constexpr std::uint16_t indirect_flag = VRING_DESC_F_INDIRECT;
constexpr std::uint16_t entries = 8;
constexpr std::uint64_t good = GuestMemory::base + 0x8000;
constexpr std::uint64_t table = GuestMemory::base + 0x9000;
constexpr std::uint64_t past_end = GuestMemory::base + (1 << 20);

struct Raw {
  std::uint64_t address;
  std::uint32_t size;
  std::uint16_t flags;
  std::uint16_t next = 0;
};

QueueLayout layout_of(bool packed, bool indirect = true) {
  return {.size = entries, .packed = packed, .indirect = indirect};
}

// Writes into a queue whatever it is told to.
struct Hostile : VirtqueuePair {
  explicit Hostile(const QueueLayout& agreed) : VirtqueuePair(agreed) {}

  void offer(const std::vector<Raw>& list) {
    layout.packed ? offer_packed(list) : offer_split(list);
  }
  void offer_split(const std::vector<Raw>& list) {
    auto* to = memory.at<vring_desc>(layout.descriptors, entries);
    for (const auto& raw : list) *to++ = {raw.address, raw.size, raw.flags, raw.next};
    offer_head(0);
  }
  void offer_head(std::uint16_t head) {
    auto* ring = memory.at<vring_avail>(layout.driver_area);
    ring->ring[ring->idx % entries] = head;
    ++ring->idx;
  }
  void offer_packed(const std::vector<Raw>& list) {
    auto* to = memory.at<vring_packed_desc>(layout.descriptors, entries);
    for (const auto& raw : list) {
      const auto flags = static_cast<std::uint16_t>(raw.flags | place.available_flags());
      to[place.index()] = {raw.address, raw.size, id, flags};
      place.advance(1, entries);
    }
  }
  void write_table(const std::vector<Raw>& list) const {
    auto* to = memory.at<Raw>(table, list.size());
    for (const auto& raw : list)
      *to++ = layout.packed ? Raw{raw.address, raw.size, 0, raw.flags} : raw;
  }
  // What came back last: ID and length.
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> last_used() const {
    const auto before = device.position().next_used;
    if (layout.packed) {
      const auto& used = memory.at<vring_packed_desc>(layout.descriptors, entries)[came_back_at];
      return {used.id, used.len};
    }
    const auto* ring = memory.at<vring_used>(layout.device_area);
    CHECK(ring->idx == before);
    const auto& used = ring->ring[(before - 1) % entries];
    return {used.id, used.len};
  }

  PackedIndex place;
  std::uint16_t id = 77;
  std::uint16_t came_back_at = 0;
};
static_assert(sizeof(Raw) == sizeof(vring_desc));

struct Case {
  std::string what;
  std::vector<Raw> ring;
  ChainFault fault;
  std::uint64_t value;
  std::vector<Raw> table = {};
  bool indirect = true;
};

// Both layouts refuse these.
const Case cases[] = {
    {"a buffer outside of memory", {{past_end, 16, 0}}, ChainFault::outside_memory, past_end},
    {"a buffer that leaves memory", {{past_end - 8, 16, 0}}, ChainFault::outside_memory, past_end},
    {"a buffer at the end of all addresses",
     {{~0ULL - 7, 16, 0}},
     ChainFault::outside_memory,
     ~0ULL - 7},
    {"a readable buffer after a writable one",
     {{good, 16, next_flag | write_flag, 1}, {good + 64, 16, 0}},
     ChainFault::readable_after_writable,
     good + 64},
    {"next and indirect in one",
     {{table, 32, indirect_flag | next_flag, 1}, {good, 16, 0}},
     ChainFault::next_with_indirect,
     indirect_flag | next_flag,
     {{good, 16, 0}, {good, 16, 0}}},
    {"a table in a table",
     {{table, 16, indirect_flag}},
     ChainFault::nested_indirect,
     indirect_flag,
     {{table + 64, 16, indirect_flag}}},
    {"an empty table", {{table, 0, indirect_flag}}, ChainFault::table_size, 0},
    {"a table of 24 bytes",
     {{table, 24, indirect_flag}},
     ChainFault::table_size,
     24,
     {{good, 16, 0}}},
    {"a table outside of memory",
     {{past_end, 16, indirect_flag}},
     ChainFault::outside_memory,
     past_end},
    {"a table that leaves memory",
     {{past_end - 16, 32, indirect_flag}},
     ChainFault::outside_memory,
     past_end},
    {"a table that was not agreed",
     {{table, 16, indirect_flag}},
     ChainFault::indirect_not_agreed,
     indirect_flag,
     {{good, 16, 0}},
     false},
    {"a buffer of a table outside of memory",
     {{table, 16, indirect_flag}},
     ChainFault::outside_memory,
     past_end,
     {{past_end, 1, 0}}},
    {"more buffers than the queue has",
     {{table, 9 * 16, indirect_flag}},
     ChainFault::too_long,
     9,
     {{good, 1, next_flag, 1},
      {good, 1, next_flag, 2},
      {good, 1, next_flag, 3},
      {good, 1, next_flag, 4},
      {good, 1, next_flag, 5},
      {good, 1, next_flag, 6},
      {good, 1, next_flag, 7},
      {good, 1, next_flag, 8},
      {good, 1, 0}}},
};

// Only split lists have indexes, and may begin with single buffers.
const Case split_cases[] = {
    {"the next one is out of range",
     {{good, 16, next_flag, entries}},
     ChainFault::next_out_of_range,
     entries},
    {"a loop of one", {{good, 16, next_flag, 0}}, ChainFault::loop, entries},
    {"a loop of two",
     {{good, 16, next_flag, 1}, {good, 16, next_flag, 0}},
     ChainFault::loop,
     entries},
    {"a loop in a table",
     {{table, 32, indirect_flag}},
     ChainFault::loop,
     2,
     {{good, 16, next_flag, 1}, {good, 16, next_flag, 0}}},
    {"the next one is not in the table",
     {{table, 32, indirect_flag}},
     ChainFault::next_out_of_range,
     2,
     {{good, 16, next_flag, 2}, {good, 16, 0}}},
    {"a ring and a table, longer than the queue",
     {{good, 1, next_flag, 1}, {table, 8 * 16, indirect_flag}},
     ChainFault::too_long,
     9,
     {{good, 1, next_flag, 1},
      {good, 1, next_flag, 2},
      {good, 1, next_flag, 3},
      {good, 1, next_flag, 4},
      {good, 1, next_flag, 5},
      {good, 1, next_flag, 6},
      {good, 1, next_flag, 7},
      {good, 1, 0}}},
};

const Case packed_cases[] = {
    {"a table behind a buffer",
     {{good, 1, next_flag}, {table, 16, indirect_flag}},
     ChainFault::next_with_indirect,
     indirect_flag | packed_available,
     {{good, 16, 0}}},
};

void check_refused(Hostile& queue, const Case& refused) {
  CAPTURE(refused.what);
  CAPTURE(queue.layout.packed);
  queue.write_table(refused.table);
  queue.offer(refused.ring);
  REQUIRE(queue.pop() == Taken::malformed);
  const auto& error = queue.device.last_malformed();
  CHECK_MESSAGE(error.fault == refused.fault, describe(error));
  const bool has_flags = refused.fault == ChainFault::next_with_indirect ||
                         refused.fault == ChainFault::indirect_not_agreed;
  const std::uint64_t value =
      has_flags && queue.layout.packed ? refused.value | packed_available : refused.value;
  CHECK(error.value == value);
  queue.device.publish();
  CHECK(queue.last_used() ==
        std::pair<std::uint32_t, std::uint32_t>(queue.layout.packed ? 77 : 0, 0));
  CHECK(queue.device.should_call());
  CHECK_FALSE(queue.device.broken());
  CHECK(queue.device.in_flight() == 0);
  CHECK(queue.device.malformed() == 1);
}

// An honest chain still works.
void check_goes_on(Hostile& queue) {
  queue.came_back_at = queue.place.index();
  queue.offer({{good, 16, next_flag, 1}, {good + 64, 8, write_flag}});
  REQUIRE(queue.pop() == Taken::chain);
  const auto& chain = queue.storage.chain();
  REQUIRE(chain.readable.size() == 1);
  REQUIRE(chain.writable.size() == 1);
  CHECK(chain.readable[0].data() == queue.memory.bytes(good, 16).data());
  CHECK(chain.writable[0].data() == queue.memory.bytes(good + 64, 8).data());
  queue.push(8);
  CHECK(queue.last_used() == std::pair<std::uint32_t, std::uint32_t>(chain.id, 8));
  CHECK(queue.pop() == Taken::nothing);
}

void check_case(const Case& refused, bool packed) {
  Hostile queue(layout_of(packed, refused.indirect));
  check_refused(queue, refused);
  check_goes_on(queue);
}

}  // namespace

TEST_CASE("a malformed chain comes back with length 0, and the queue goes on") {
  for (const auto& refused : cases)
    for (const bool packed : {false, true}) check_case(refused, packed);
  for (const auto& refused : split_cases) check_case(refused, false);
  for (const auto& refused : packed_cases) check_case(refused, true);
}

TEST_CASE("a chain may have 2^32 bytes, and no more") {
  constexpr std::uint32_t half = 1U << 31;
  constexpr std::uint64_t much = 1ULL << 40;
  const os::UniqueFd fd(memfd_create("much", MFD_CLOEXEC));
  REQUIRE(ftruncate(fd.get(), half) == 0);
  const MemoryView view(os::Mapping::create(fd.get(), half).value());
  for (const bool packed : {false, true}) {
    Hostile queue(layout_of(packed));
    queue.memory.space.add({.address = much, .size = half, .memory = view}).value();
    queue.offer({{much, half, next_flag, 1}, {much, half, write_flag}});
    REQUIRE(queue.pop() == Taken::chain);
    queue.push(0);
    queue.offer({{much, half, next_flag, 1}, {much, half, next_flag, 2}, {good, 1, 0}});
    REQUIRE(queue.pop() == Taken::malformed);
    CHECK(queue.device.last_malformed().fault == ChainFault::too_many_bytes);
    CHECK(queue.device.last_malformed().value == (1ULL << 32) + 1);
  }
}

TEST_CASE("an available index that is too far ahead breaks a split queue") {
  Hostile queue(layout_of(false));
  queue.memory.at<vring_avail>(queue.layout.driver_area)->idx = entries + 1;
  CHECK(queue.pop() == Taken::broken);
  CHECK(queue.device.error().fault == RingFault::available_index);
  CHECK(queue.device.error().value == entries + 1);
  CHECK(describe(queue.device.error()).message ==
        "the virtqueue is broken: more chains than fit are available, index 9");
  queue.memory.at<vring_avail>(queue.layout.driver_area)->idx = 1;
  CHECK(queue.pop() == Taken::broken);
  CHECK_FALSE(queue.device.enable_kicks());
}

TEST_CASE("chains in flight leave less room for others") {
  Hostile queue(layout_of(false));
  std::vector<ChainStorage> taken(entries);
  queue.offer_split({{good, 1, 0}});
  for (std::uint16_t more = 1; more < entries; ++more) queue.offer_head(0);
  for (auto& storage : taken) CHECK(queue.device.pop(storage) == Taken::chain);
  CHECK(queue.device.in_flight() == entries);
  queue.offer_head(0);
  CHECK(queue.pop() == Taken::broken);
  CHECK(queue.device.error().value == entries + 1);
  // What is in flight can be returned all the same.
  for (auto& storage : taken) queue.device.push(storage.chain(), 0);
  queue.device.publish();
  CHECK(queue.device.in_flight() == 0);
  CHECK(queue.pop() == Taken::broken);
}

TEST_CASE("a first descriptor that is out of range breaks a split queue") {
  Hostile queue(layout_of(false));
  queue.offer_head(entries);
  queue.offer_head(0);
  CHECK(queue.pop() == Taken::broken);
  CHECK(queue.device.error().fault == RingFault::head);
  CHECK(queue.device.error().value == entries);
  CHECK(queue.pop() == Taken::broken);
}

TEST_CASE("a list without end breaks a packed queue") {
  Hostile queue(layout_of(true));
  queue.offer_packed(std::vector<Raw>(entries, {good, 1, next_flag}));
  CHECK(queue.pop() == Taken::broken);
  CHECK(queue.device.error().fault == RingFault::endless_list);
  CHECK(queue.device.error().value == entries);
  CHECK(queue.pop() == Taken::broken);
  CHECK_FALSE(queue.device.enable_kicks());
}

TEST_CASE("a list that overwrites what is in flight breaks a packed queue") {
  Hostile queue(layout_of(true));
  queue.offer_packed({{good, 1, next_flag}, {good, 1, next_flag}, {good, 1, 0}});
  REQUIRE(queue.pop() == Taken::chain);
  queue.offer_packed(std::vector<Raw>(5, {good, 1, next_flag}));
  queue.offer_packed({{good, 1, 0}});
  ChainStorage another;
  CHECK(queue.device.pop(another) == Taken::broken);
  CHECK(queue.device.error().value == 5);
}

TEST_CASE("a broken queue works again when it is created anew") {
  for (const bool packed : {false, true}) {
    Hostile queue(layout_of(packed));
    if (packed)
      queue.offer(std::vector<Raw>(entries, {good, 1, next_flag}));
    else
      queue.offer_head(entries);
    REQUIRE(queue.pop() == Taken::broken);
    queue.driver = DriverVirtqueue::create(queue.layout, {}, queue.memory.space).value();
    queue.device = DeviceVirtqueue::create(queue.layout, {}, queue.memory.space).value();
    const GuestBuffer buffer{good, 16};
    REQUIRE(queue.driver.add({&buffer, 1}, {}, 5));
    queue.driver.publish();
    REQUIRE(queue.pop() == Taken::chain);
    queue.push(0);
    CHECK(queue.driver.poll_used().value().token == 5);
  }
}

TEST_CASE("a table's WRITE flag means nothing, and buffers may come before it") {
  for (const bool packed : {false, true}) {
    Hostile queue(layout_of(packed));
    queue.write_table({{good, 16, next_flag, 1}, {good + 16, 16, write_flag}});
    queue.offer({{table, 32, indirect_flag | write_flag}});
    REQUIRE(queue.pop() == Taken::chain);
    CHECK(queue.storage.chain().readable.size() == 1);
    CHECK(queue.storage.chain().writable.size() == 1);
  }
  Hostile queue(layout_of(false));
  queue.write_table({{good, 16, next_flag, 1}, {good + 16, 16, write_flag}});
  queue.offer({{good, 4, next_flag, 1}, {table, 32, indirect_flag}});
  REQUIRE(queue.pop() == Taken::chain);
  CHECK(queue.storage.chain().readable.size() == 2);
  CHECK(queue.storage.chain().readable_size == 20);
}

TEST_CASE("a buffer across two regions is two spans, an empty one is none") {
  Hostile queue(layout_of(false));
  const auto more = GuestMemory::create(4096);
  queue.memory.space.add({.address = past_end, .size = 4096, .memory = more}).value();
  queue.offer(
      {{past_end - 8, 24, next_flag, 1}, {0, 0, next_flag | write_flag, 2}, {good, 1, write_flag}});
  REQUIRE(queue.pop() == Taken::chain);
  const auto& chain = queue.storage.chain();
  REQUIRE(chain.readable.size() == 2);
  CHECK(chain.readable[0].size() == 8);
  CHECK(chain.readable[1].data() == more.bytes().data());
  CHECK(chain.readable[1].size() == 16);
  CHECK(chain.readable_size == 24);
  CHECK(chain.writable.size() == 1);
}

TEST_CASE("an unaligned table is read all the same") {
  Hostile queue(layout_of(false));
  const Raw entry{good, 16, write_flag};
  std::memcpy(queue.memory.bytes(table + 1, sizeof entry).data(), &entry, sizeof entry);
  queue.offer({{table + 1, 16, indirect_flag}});
  REQUIRE(queue.pop() == Taken::chain);
  CHECK(queue.storage.chain().writable_size == 16);
}

TEST_CASE("a device can't report more bytes than it may write") {
  for (const bool packed : {false, true}) {
    Hostile queue(layout_of(packed));
    queue.offer({{good, 16, write_flag}});
    REQUIRE(queue.pop() == Taken::chain);
    queue.push(1000);
    CHECK(queue.last_used().second == 16);
  }
}
