// SPDX-License-Identifier: BSD-3-Clause
//
// What the commands do, each part alone and without a socket.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vdev/os/memory.hpp"
#include "vdev/transport/vfio_user/dma_link.hpp"
#include "vdev/transport/vfio_user/dma_table.hpp"
#include "vdev/transport/vfio_user/interrupts.hpp"
#include "vdev/transport/vfio_user/negotiation.hpp"
#include "vdev/transport/vfio_user/regions.hpp"
#include "vdev/transport/vfio_user/test_function.hpp"

using namespace bellwire;
using namespace bellwire::vfio_user;

namespace {

constexpr std::uint64_t page = 4096;
constexpr std::uint32_t both = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;

Result<Capabilities> capabilities(std::string_view json) {
  Bytes payload;
  append(payload, Version{0, 3});
  append(payload, std::as_bytes(std::span(json)));
  payload.push_back(std::byte{0});
  return read_version(payload);
}

os::UniqueFd unsealed(std::uint64_t size) {
  os::UniqueFd fd(::memfd_create("unsealed", MFD_CLOEXEC));
  REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
  return fd;
}

// A reply to the message that a DmaLink has sent.
Message reply_to(const Bytes& sent, std::size_t data, std::uint32_t flag = 0) {
  Message reply;
  reply.header = *head<Header>(sent);
  reply.header.flags = flags::reply | flag;
  reply.header.error = flag != 0 ? ENODEV : 0;
  reply.payload.resize(sizeof(DmaAccess) + data, std::byte{9});
  return reply;
}

}  // namespace

TEST_CASE("a side that says nothing takes the defaults") {
  const auto plain = capabilities("{}").value();
  CHECK(plain.max_msg_fds == 1);
  CHECK(plain.max_data_xfer_size == 1 << 20);
  CHECK_FALSE(plain.write_multiple);
}

TEST_CASE("what QEMU says is understood, and what is new is passed over") {
  const auto qemu = capabilities(R"({"capabilities": {"max_msg_fds": 16, "pgsizes": 4096,
      "max_data_xfer_size": 65536, "max_dma_maps": 65535, "write_multiple": true,
      "migration": {"pgsize": 4096}}, "more": []})")
                        .value();
  CHECK(qemu.max_msg_fds == 16);
  CHECK(qemu.max_data_xfer_size == 65536);
  CHECK(qemu.write_multiple);
}

TEST_CASE("our own version is one that we understand, and that QEMU does not refuse") {
  const auto payload = write_version();
  CHECK(head<Version>(payload)->minor == 0);  // QEMU takes no later one
  const auto own = read_version(payload).value();
  CHECK(own.max_msg_fds == 16);
  CHECK(own.max_data_xfer_size == 1 << 20);
  CHECK(own.write_multiple);
}

TEST_CASE("sealed memory is mapped; memory that can be taken away is not") {
  pci::DmaSpace space;
  DmaTable table(space);
  REQUIRE(table.map({32, both, 0, 0, page}, os::create_memfd("sealed", page).value()).has_value());
  REQUIRE(table.map({32, both, 0, page, page}, unsealed(page)).has_value());
  REQUIRE(table.map({32, both, 0, 2 * page, page}, {}).has_value());
  const auto readable = VFIO_DMA_MAP_FLAG_READ;
  REQUIRE(table.map({32, readable, 0, 3 * page, page}, os::create_memfd("rom", page).value())
              .has_value());
  CHECK(space.map(0, page).has_value());
  CHECK_FALSE(space.map(page, page).has_value());
  CHECK_FALSE(space.map(2 * page, page).has_value());
  CHECK_FALSE(space.map(3 * page, page).has_value());
  CHECK(space.regions() == 4);
}

TEST_CASE("a region may begin inside its file") {
  pci::DmaSpace space;
  DmaTable table(space);
  const auto file = os::create_memfd("guest", 4 * page).value();
  const auto whole = os::Mapping::create(file.get(), 4 * page).value();
  whole.data()[2 * page] = std::byte{0x77};
  REQUIRE(table.map({32, both, 2 * page, 0, 2 * page}, file.duplicate()).has_value());
  CHECK(space.map(0, 1)->bytes()[0] == std::byte{0x77});
}

TEST_CASE("all regions can be unmapped at once") {
  pci::DmaSpace space;
  DmaTable table(space);
  for (std::uint64_t at = 0; at < 5; ++at)
    REQUIRE(table.map({32, both, 0, 2 * at * page, page}, {}).has_value());
  REQUIRE(table.unmap({24, 0, 2 * page, page}).has_value());
  CHECK(space.regions() == 4);
  REQUIRE(table.unmap({24, 2, 0, 0}).has_value());
  CHECK(space.regions() == 0);
}

TEST_CASE("DMA messages go one at a time, no longer than the client takes, in order") {
  unsigned works = 0;
  DmaLink link([&] { ++works; });
  link.limit(64);
  Bytes into(100);
  std::string order;
  link.read(1000, into, [&](const Result<void>& done) { order += done ? 'r' : 'e'; });
  link.write(5000, into, [&](const Result<void>& done) { order += done ? 'w' : 'e'; });
  CHECK(works == 2);
  const auto first = link.next().value();
  CHECK_FALSE(link.next().has_value());
  CHECK(first.size() == sizeof(Header) + sizeof(DmaAccess));
  REQUIRE(link.take(reply_to(first, 64)).has_value());
  const auto second = link.next().value();
  CHECK(head<DmaAccess>(std::span(second).subspan(sizeof(Header)))->address == 1064);
  CHECK(head<DmaAccess>(std::span(second).subspan(sizeof(Header)))->count == 36);
  REQUIRE(link.take(reply_to(second, 36)).has_value());
  CHECK(order == "r");
  CHECK(into == Bytes(100, std::byte{9}));
  const auto third = link.next().value();
  CHECK(third.size() == sizeof(Header) + sizeof(DmaAccess) + 64);
  REQUIRE(link.take(reply_to(third, 0, flags::error)).has_value());
  CHECK(order == "re");
  CHECK_FALSE(link.next().has_value());
}

TEST_CASE("replies that nobody waits for, or of another size, are errors") {
  DmaLink link([] {});
  Bytes into(8);
  int outcome = -1;
  link.read(0, into, [&](const Result<void>& done) { outcome = done ? 0 : 1; });
  const auto sent = link.next().value();
  auto wrong = reply_to(sent, 8);
  ++wrong.header.id;
  CHECK(link.take(wrong).has_error());
  wrong = reply_to(sent, 8);
  wrong.header.command = static_cast<std::uint16_t>(Command::dma_write);
  CHECK(link.take(wrong).has_error());
  CHECK(link.take(reply_to(sent, 7)).has_error());
  CHECK(outcome == -1);
  link.fail(fault(std::errc::bad_address, "gone"));
  CHECK(outcome == 1);
  CHECK(link.take(reply_to(sent, 8)).has_error());
}

TEST_CASE("a done that asks for more is served") {
  DmaLink link([] {});
  Bytes into(8);
  int rounds = 0;
  std::function<void(const Result<void>&)> again = [&](const Result<void>&) {
    if (++rounds < 3) link.read(0, into, again);
  };
  link.read(0, into, again);
  while (auto sent = link.next()) REQUIRE(link.take(reply_to(*sent, 8)).has_value());
  CHECK(rounds == 3);
}

TEST_CASE("accesses to registers go by aligned pieces of at most 8 bytes") {
  struct Recorder final : RegisterBlock {
    std::uint64_t read(std::uint64_t offset, unsigned size) noexcept override {
      pieces.emplace_back(offset, size);
      return 0x8877665544332211;
    }
    void write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept override {
      pieces.emplace_back(offset, size);
      last = value;
    }
    std::vector<std::pair<std::uint64_t, unsigned>> pieces;
    std::uint64_t last = 0;
  } recorder;
  struct Plain final : pci::Function {
    explicit Plain(pci::Plan plan) : Function(std::move(plan)) {}
  };
  pci::Plan plan;
  plan.bars[0] = {.shape = {pci::BarKind::memory32, 4096}, .registers = &recorder};
  plan.bars[1] = {.shape = {pci::BarKind::memory32, 16}};
  Plain function(std::move(plan));
  Regions regions(function);
  using Pieces = decltype(recorder.pieces);

  Bytes bytes(17);
  regions.read({3, 0, 17}, bytes);
  CHECK(recorder.pieces == Pieces{{3, 1}, {4, 4}, {8, 8}, {16, 4}});
  CHECK(bytes[1] == std::byte{0x11});
  CHECK(bytes[4] == std::byte{0x44});
  CHECK(bytes[12] == std::byte{0x88});
  recorder.pieces.clear();
  regions.write({6, 0, 2}, Bytes{std::byte{0x34}, std::byte{0x12}});
  CHECK(recorder.pieces == Pieces{{6, 2}});
  CHECK(recorder.last == 0x1234);
  regions.read({0, 1, 16}, std::span(bytes).first(16));  // a BAR without anything in it
  CHECK(bytes[3] == std::byte{0});
}

TEST_CASE("region info grows by its capabilities, if there is room for them") {
  TestFunction function;
  const Regions regions(function);
  const auto small = regions.info(1, 32).value();
  const auto told = *head<vfio_region_info>(small.payload);
  CHECK(small.payload.size() == 32);
  CHECK(told.argsz == 32 + 16 + 2 * 16);
  CHECK((told.flags & VFIO_REGION_INFO_FLAG_CAPS) == 0);
  CHECK(small.fd >= 0);
  const auto large = regions.info(1, told.argsz).value();
  CHECK(large.payload.size() == told.argsz);
  CHECK(head<vfio_region_info>(large.payload)->cap_offset == 32);
  CHECK(regions.info(0, 32).value().fd == -1);
  CHECK(regions.info(VFIO_PCI_VGA_REGION_INDEX, 32).has_value());
}

TEST_CASE("bools choose which vectors are meant") {
  pci::Interrupts interrupts({.msix = 3});
  IrqTable table(interrupts);
  std::vector<os::UniqueFd> fds;
  const auto events = os::create_events(3).value();
  for (const auto& event : events) fds.push_back(os::duplicate(event.fd()));
  REQUIRE(table
              .set({20, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 2, 0, 3}, {},
                   std::move(fds))
              .has_value());
  const Bytes outer{std::byte{1}, std::byte{0}, std::byte{1}};
  REQUIRE(table.set({20, VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER, 2, 0, 3}, outer, {})
              .has_value());
  CHECK(events[0].drain() == 1);
  CHECK_FALSE(events[1].drain());
  CHECK(events[2].drain() == 1);
  REQUIRE(table.set({20, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 2, 1, 2}, {}, {})
              .has_value());  // none: those two lead nowhere now
  REQUIRE(table.set({20, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 2, 0, 3}, {}, {})
              .has_value());
  CHECK(events[0].drain() == 1);
  CHECK_FALSE(events[2].drain());
}
