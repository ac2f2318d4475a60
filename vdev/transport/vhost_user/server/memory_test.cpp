// SPDX-License-Identifier: BSD-3-Clause
//
// The memory that a front-end shares: rules 60 to 63 and 74 of docs/semantics.md.
#include <sys/mman.h>
#include <unistd.h>

#include "vdev/testing/vhost_user_script.hpp"
#include "vdev/transport/vhost_user/server/memory_slots.hpp"

using namespace bellwire;
using namespace bellwire::testing;
using vhost_user::bit;
using vhost_user::MemoryRegion;
using vhost_user::SingleRegion;

namespace {

vhost_user::Bytes table_of(std::initializer_list<MemoryRegion> regions) {
  vhost_user::Bytes bytes = ScriptedFrontEnd::bytes_of(std::uint64_t{regions.size()});
  for (const auto& region : regions) vhost_user::append(bytes, region);
  return bytes;
}

constexpr std::uint64_t half = ScriptedFrontEnd::memory_size / 2;

}  // namespace

TEST_CASE("memory may change while rings run: no request is lost or done twice (63)") {
  ServedBackend served;
  ScriptedFrontEnd front(served);
  front.set_up();
  front.submit(0, 1);
  REQUIRE(served.loop.run_until([&] { return served.device.held.size() == 1; }));
  served.device.patient = true;
  front.share_memory();
  REQUIRE(served.loop.run_until([&] { return served.device.cancels > 0; }));
  front.offer(0, 2);
  served.device.complete_first();
  CHECK(front.used().token == 1);
  REQUIRE(served.loop.run_until([&] { return served.device.held.size() == 1; }));
  served.device.complete_first();
  CHECK(front.used().token == 2);
  CHECK(served.device.handled == 2);
}

TEST_CASE("ring addresses are translated again: other user addresses, the same memory (63)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.set_up();
  front.submit(0, 1);
  CHECK(front.used().token == 1);
  auto moved = front.region();
  moved.user_address += 1 << 30;
  front.say(Request::set_mem_table, table_of({moved}), {front.file().get()});
  front.settle();
  front.submit(0, 2);
  front.queues[0].kick.ring();
  front.settle();
  CHECK(served.device.handled == 1);  // its ring is nowhere
  front.share_memory();
  CHECK(front.used().token == 2);
}

TEST_CASE("regions come and go, by guest address, user address and size (61, 62)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.negotiate();
  front.start();
  const auto all = front.region();
  const SingleRegion first{0, {all.guest_address, half, all.user_address, 0}};
  const SingleRegion second{0, {all.guest_address + half, half, all.user_address + half, half}};
  CHECK(front.acknowledged(Request::add_mem_reg, second, {front.file().get()}) == 0);
  CHECK(front.acknowledged(Request::add_mem_reg, first, {front.file().get()}) == 0);
  front.submit(0, 1);
  CHECK(front.used().token == 1);
  CHECK(front.acknowledged(Request::add_mem_reg, first, {front.file().get()}) != 0);
  auto other = second;
  other.region.size -= 4096;
  CHECK(front.acknowledged(Request::rem_mem_reg, other) != 0);
  other = second;
  other.region.mmap_offset = 77;
  CHECK(front.acknowledged(Request::rem_mem_reg, other, {front.file().get()}) == 0);
  CHECK(front.acknowledged(Request::rem_mem_reg, second) != 0);
  CHECK(served.memory.regions() == 1);
  CHECK(front.acknowledged(Request::rem_mem_reg, first) == 0);
  front.submit(0, 2);
  front.queues[0].kick.ring();
  front.settle();
  CHECK(front.acknowledged(Request::add_mem_reg, first, {front.file().get()}) == 0);
  CHECK(front.used().token == 2);
}

TEST_CASE("a chain in a region that was removed comes back unseen; a ring there waits (63)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.negotiate();
  const auto all = front.region();
  const SingleRegion rings{0, {all.guest_address, 0x10000, all.user_address, 0}};
  const SingleRegion buffers{
      0, {all.guest_address + 0x10000, all.size - 0x10000, all.user_address + 0x10000, 0x10000}};
  for (const auto& region : {rings, buffers})
    CHECK(front.acknowledged(Request::add_mem_reg, region, {front.file().get()}) == 0);
  front.start();
  CHECK(front.acknowledged(Request::rem_mem_reg, buffers) == 0);
  front.submit(0, 1);
  CHECK(front.used().written == 0);
  CHECK(served.device.handled == 0);
  CHECK(front.acknowledged(Request::rem_mem_reg, rings) == 0);
  front.submit(0, 2);
  front.settle();
  CHECK(front.acknowledged(Request::add_mem_reg, buffers, {front.file().get()}) == 0);
  CHECK(front.acknowledged(Request::add_mem_reg, rings, {front.file().get()}) == 0);
  CHECK(front.used().written == 1);
  CHECK(served.device.handled == 1);
}

TEST_CASE("a table that can't be mapped is refused, and the former one stays (60)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.set_up();
  front.settle();
  const auto good = front.region();
  const auto refused = [&](std::initializer_list<MemoryRegion> regions) {
    const auto before = open_descriptors();
    const bool no = front.acknowledged(Request::set_mem_table, table_of(regions),
                                       std::vector<int>(regions.size(), front.file().get())) != 0;
    return no && open_descriptors() == before;
  };
  constexpr auto last = ~std::uint64_t{0};
  CHECK(refused({{good.guest_address, 0, good.user_address, 0}}));
  CHECK(refused({{last - 4095, 8192, good.user_address, 0}}));
  CHECK(refused({{good.guest_address, 8192, last - 4095, 0}}));
  CHECK(refused({{good.guest_address, good.size, good.user_address, 4096}}));
  CHECK(refused({{good.guest_address, 4096, good.user_address, last - 4095}}));
  CHECK(refused({{0, 4096, 0, 0}, {4095, 4096, 1 << 20, 0}}));
  CHECK(refused({{0, 4096, 0, 0}, {1 << 20, 4096, 4095, 0}}));
  front.submit(0, 1);
  CHECK(front.used().token == 1);
}

TEST_CASE("a region may begin anywhere in its file") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  os::UniqueFd longer(::memfd_create("longer", MFD_CLOEXEC));
  REQUIRE(::ftruncate(longer.get(), 12345 + 8192) == 0);
  REQUIRE(::pwrite(longer.get(), "x", 1, 12345) == 1);
  front.negotiate();
  CHECK(front.acknowledged(Request::set_mem_table, table_of({{0x5000, 8192, 0x9000, 12345}}),
                           {longer.get()}) == 0);
  CHECK(served.memory.map(0x5000, 8192)->bytes()[0] == std::byte{'x'});
}

TEST_CASE("memory that is truncated while in use ends the session alone (63)") {
  ServedBackend served;
  served.device.at_once = true;
  const LogCatcher log;
  {
    ScriptedFrontEnd front(served);
    os::UniqueFd loose(::memfd_create("loose", MFD_CLOEXEC));
    REQUIRE(::ftruncate(loose.get(), 1 << 20) == 0);
    front.negotiate();
    front.say(Request::set_mem_table, table_of({front.region()}), {loose.get()});
    front.start();
    front.settle();
    REQUIRE(::ftruncate(loose.get(), 0) == 0);
    front.queues[0].kick.ring();
    CHECK(front.closed());
  }
  CHECK(log.count("a file of its memory was truncated") == 1);
  ScriptedFrontEnd honest(served);
  honest.set_up();
  honest.submit();
  (void)honest.used();
}

TEST_CASE("what the device writes is marked in the dirty log, the used ring by its address (74)") {
  ServedBackend served;
  served.device.at_once = true;
  ScriptedFrontEnd front(served);
  front.set_up();
  const auto page = [](std::uint64_t address) { return address / 0x1000; };
  const auto bytes = page(ScriptedFrontEnd::guest_base + ScriptedFrontEnd::memory_size) / 8;
  const auto file = os::create_memfd("log", bytes + 4096).value();
  const auto map = os::Mapping::create(file.get(), bytes + 4096).value();
  const auto marked = [&](std::uint64_t address) {
    const auto byte = std::to_integer<unsigned>(map.data()[4096 + page(address) / 8]);
    return (byte >> page(address) % 8 & 1) != 0;
  };
  const auto buffer = ScriptedFrontEnd::guest_base + 0x10000;
  constexpr std::uint64_t used_ring = 0x7000;
  const vhost_user::Log where{bytes, 4096};
  const auto once = [&] {
    front.submit();
    (void)front.used();
  };
  CHECK(front.ask(Request::set_log_base, where, std::vector<int>{file.get()}) == 0);
  once();
  CHECK_FALSE(marked(buffer));
  front.accept(bit(VHOST_F_LOG_ALL));
  front.settle();
  once();
  CHECK(marked(buffer));
  CHECK_FALSE(marked(used_ring));
  CHECK(front.acknowledged(Request::set_vring_addr, front.addresses(0, 1, used_ring)) == 0);
  CHECK(front.ask(Request::set_log_base, where, std::vector<int>{file.get()}) == 0);
  once();
  CHECK(marked(used_ring));
  CHECK_FALSE(marked(0));
  const vhost_user::Log behind{bytes, 1 << 30};
  CHECK(front.acknowledged(Request::set_log_base, behind, {file.get()}) != 0);
}
