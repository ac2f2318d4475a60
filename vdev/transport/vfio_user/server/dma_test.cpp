// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/dma.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vdev/os/memory.hpp"

using namespace bellwire;
using namespace bellwire::vfio_user;

namespace {

constexpr std::uint32_t read_write = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;

os::UniqueFd unsealed(std::uint64_t size) {
  os::UniqueFd fd(::memfd_create("unsealed", MFD_CLOEXEC));
  REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
  return fd;
}

}  // namespace

TEST_CASE("sealed memory is mapped; memory that can be taken away is not") {
  DmaSpace space;
  DmaTable table(space);
  REQUIRE(
      table.map({32, read_write, 0, 0, page_size}, os::create_memfd("sealed", page_size).value())
          .has_value());
  REQUIRE(table.map({32, read_write, 0, page_size, page_size}, unsealed(page_size)).has_value());
  REQUIRE(table.map({32, read_write, 0, 2 * page_size, page_size}, {}).has_value());
  const auto readable = VFIO_DMA_MAP_FLAG_READ;
  REQUIRE(table
              .map({32, readable, 0, 3 * page_size, page_size},
                   os::create_memfd("rom", page_size).value())
              .has_value());
  CHECK(space.map(0, page_size).has_value());
  CHECK_FALSE(space.map(page_size, page_size).has_value());
  CHECK_FALSE(space.map(2 * page_size, page_size).has_value());
  CHECK_FALSE(space.map(3 * page_size, page_size).has_value());
  CHECK(space.regions() == 4);
}

TEST_CASE("what is not a file that can be mapped is refused by name") {
  int pipe[2], sockets[2];
  REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
  const os::UniqueFd writes(pipe[1]), other(sockets[1]);
  DmaSpace space;
  DmaTable table(space);
  for (const int fd : {pipe[0], sockets[0], ::open("/", O_RDONLY | O_CLOEXEC),
                       ::open("/dev/zero", O_RDWR | O_CLOEXEC), ::eventfd(0, EFD_CLOEXEC),
                       ::open("/proc/self/exe", O_PATH | O_CLOEXEC)}) {
    const auto mapped = table.map({32, read_write, 0, 0, page_size}, os::UniqueFd(fd));
    REQUIRE(mapped.has_error());
    CHECK(mapped.error().code == std::errc::invalid_argument);
    CHECK(mapped.error().message.ends_with("is not a file that can be mapped"));
  }
  CHECK(space.regions() == 0);
}

TEST_CASE("a region may begin inside its file") {
  DmaSpace space;
  DmaTable table(space);
  const auto file = os::create_memfd("guest", 4 * page_size).value();
  const auto whole = os::Mapping::create(file.get(), 4 * page_size).value();
  whole.data()[2 * page_size] = std::byte{0x77};
  REQUIRE(
      table.map({32, read_write, 2 * page_size, 0, 2 * page_size}, file.duplicate()).has_value());
  CHECK(space.map(0, 1)->bytes()[0] == std::byte{0x77});
}

TEST_CASE("all regions can be unmapped at once") {
  DmaSpace space;
  DmaTable table(space);
  for (std::uint64_t at = 0; at < 5; ++at)
    REQUIRE(table.map({32, read_write, 0, 2 * at * page_size, page_size}, {}).has_value());
  REQUIRE(table.unmap({24, 0, 2 * page_size, page_size}).has_value());
  CHECK(space.regions() == 4);
  REQUIRE(table.unmap({24, 2, 0, 0}).has_value());
  CHECK(space.regions() == 0);
}

TEST_CASE("as many regions as there may be leave this process room for mappings of its own") {
  DmaSpace space;
  DmaTable table(space);
  constexpr std::uint64_t pages = 64;
  constexpr std::uint64_t most_regions = 65535;
  const auto file = os::create_memfd("guest", pages * page_size).value();
  // The kernel keeps neighbours in memory as one mapping, if they are neighbours in the file.
  const auto map = [&](std::uint64_t index) {
    const auto offset = index * 7 % pages * page_size;
    return table.map({32, read_write, offset, 2 * index * page_size, page_size}, file.duplicate());
  };
  std::uint64_t refused = 0;
  for (std::uint64_t index = 0; index < most_regions; ++index)
    if (!map(index)) ++refused;
  CHECK(refused == 0);
  CHECK(map(most_regions).error().code == std::errc::no_space_on_device);
  CHECK(space.map(0, page_size).has_value());
  if (MappingShare::most_mappings() < most_regions) {
    CHECK_FALSE(MappingShare::take(page_size).has_value());
    CHECK_FALSE(space.map(2 * (most_regions - 1) * page_size, page_size).has_value());
  }
  CHECK(os::Mapping::create(file.get(), page_size).has_value());
  space.clear();
  CHECK(MappingShare::take(page_size).has_value());
}

TEST_CASE("more memory than there are addresses for is reached by messages") {
  DmaSpace space;
  DmaTable table(space);
  constexpr auto size = MappingShare::most_bytes;
  os::UniqueFd huge(::memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(huge.get(), static_cast<off_t>(2 * size)) == 0);
  REQUIRE(::fcntl(huge.get(), F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  REQUIRE(table.map({32, read_write, 0, 0, 2 * size}, huge.duplicate()).has_value());
  CHECK_FALSE(space.map(0, page_size).has_value());
  CHECK(space.regions() == 1);
}

TEST_CASE("memory that can't be mapped is reached by messages") {
  DmaSpace space;
  DmaTable table(space);
  const auto file = os::create_memfd("guest", page_size).value();
  const auto path = "/proc/self/fd/" + std::to_string(file.get());
  os::UniqueFd readable(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(readable.valid());
  REQUIRE(table.map({32, read_write, 0, 0, page_size}, std::move(readable)).has_value());
  CHECK_FALSE(space.map(0, page_size).has_value());
  CHECK(space.regions() == 1);
}

using namespace bellwire;
using namespace bellwire::vfio_user;

namespace {

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

TEST_CASE("of memory that is taken back nothing more is sent, and a late answer is thrown away") {
  DmaLink link([] {});
  link.limit(8);
  Bytes taken(32);
  Bytes kept(8);
  std::string order;
  link.read(1000, taken, [&](const Result<void>& done) { order += done ? 'r' : 'e'; });
  link.write(1016, taken, [&](const Result<void>& done) { order += done ? 'w' : 'f'; });
  link.read(5000, kept, [&](const Result<void>& done) { order += done ? 'k' : 'g'; });
  const auto sent = link.next().value();
  link.drop(AddressRange::create(1000, 100).value(), fault(std::errc::bad_address, "gone"));
  CHECK(order == "ef");
  CHECK_FALSE(link.next().has_value());  // the client still owes an answer
  REQUIRE(link.take(reply_to(sent, 8)).has_value());
  CHECK(taken == Bytes(32));
  const auto next = link.next().value();
  REQUIRE(link.take(reply_to(next, 8)).has_value());
  CHECK(order == "efk");
  CHECK(link.take(reply_to(sent, 8)).has_error());
}

TEST_CASE("a transfer is dropped for the part that is left of it") {
  DmaLink link([] {});
  link.limit(8);
  Bytes bytes(16);
  int outcome = -1;
  link.read(1000, bytes, [&](const Result<void>& done) { outcome = done ? 0 : 1; });
  REQUIRE(link.take(reply_to(link.next().value(), 8)).has_value());
  link.drop(AddressRange::create(1000, 8).value(), fault(std::errc::bad_address, "gone"));
  CHECK(outcome == -1);
  link.drop(AddressRange::create(1015, 1).value(), fault(std::errc::bad_address, "gone"));
  CHECK(outcome == 1);
  CHECK_FALSE(link.next().has_value());
}
