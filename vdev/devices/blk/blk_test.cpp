// SPDX-License-Identifier: BSD-3-Clause
//
// The disk as its driver has it: every type of request, by io_uring and at once, in both layouts.
#include "vdev/devices/blk/blk.hpp"

#include <doctest/doctest.h>
#include <linux/virtio_config.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <random>

#include "vdev/testing/holding_device.hpp"
#include "vdev/testing/virtio_guest.hpp"

using namespace bellwire;
using namespace bellwire::blk;
using namespace bellwire::testing;
using virtio::GuestBuffer;

namespace {

using Bytes = std::vector<std::byte>;
constexpr std::uint64_t sectors = 2048;
constexpr std::uint32_t sector = 512;
constexpr std::uint8_t ok = VIRTIO_BLK_S_OK, io_error = VIRTIO_BLK_S_IOERR,
                       unsupported = VIRTIO_BLK_S_UNSUPP;

constexpr std::uint32_t discard = VIRTIO_BLK_T_DISCARD, zeroes = VIRTIO_BLK_T_WRITE_ZEROES;

// The ways of a disk to its bytes: on a file, in memory at once, in memory by io_uring.
enum class Way { file, at_once, ring };
constexpr Way ways[] = {Way::file, Way::at_once, Way::ring};

os::DiskFile disk_file(Way way, const TemporaryFolder& folder, bool read_only) {
  if (way != Way::file) return os::DiskFile::of_memory(sectors * sector).value();
  const auto path = folder.file("disk");
  std::ofstream(path, std::ios::app).flush();
  std::filesystem::resize_file(path, sectors * sector);
  return os::DiskFile::open(path, read_only).value();
}

Bytes filled(std::size_t size, unsigned with) {
  Bytes bytes(size);
  for (std::size_t index = 0; index < size; ++index)
    bytes[index] = static_cast<std::byte>(with + index * 7);
  return bytes;
}

Bytes of_range(std::uint64_t first, std::uint32_t count, std::uint32_t flags) {
  const virtio_blk_discard_write_zeroes range{first, count, flags};
  const auto bytes = std::as_bytes(std::span(&range, 1));
  return {bytes.begin(), bytes.end()};
}

struct Answer {
  unsigned status;
  std::uint32_t written;
  Bytes data;
};

struct DiskGuest {
  explicit DiskGuest(Way way = Way::ring, VirtioPlan plan = {}, bool read_only = false,
                     unsigned queues = 1)
      : blk(Blk::create(disk_file(way, folder, read_only),
                        {.serial = "a serial", .queues = queues, .asynchronous = way == Way::ring})
                .value()),
        guest(*blk, plan) {
    guest.start_all();
  }

  // `piece`: how many bytes a buffer has at most.
  std::vector<GuestBuffer> place(const Bytes& bytes, std::uint32_t piece) {
    std::vector<GuestBuffer> buffers;
    for (auto rest = std::span(bytes); !rest.empty();) {
      const auto part = rest.first(std::min<std::size_t>(piece, rest.size()));
      buffers.push_back(guest.allocate(part));
      rest = rest.subspan(part.size());
    }
    return buffers;
  }

  Answer request(std::uint32_t type, std::uint64_t at, const Bytes& out = {}, std::size_t in = 0,
                 std::uint32_t piece = 1 << 20) {
    const virtio_blk_outhdr header{type, 0, at};
    const auto words = std::as_bytes(std::span(&header, 1));
    Bytes readable(words.begin(), words.end());
    readable.insert(readable.end(), out.begin(), out.end());
    return exchange(place(readable, piece), place(Bytes(in + 1, std::byte{0xEE}), piece));
  }

  Answer exchange(const std::vector<GuestBuffer>& readable,
                  const std::vector<GuestBuffer>& writable) {
    guest.submit(0, readable, writable);
    const auto used = guest.wait_used(0);
    Bytes all;
    for (const auto& buffer : writable) {
      const auto bytes = guest.bytes(buffer);
      all.insert(all.end(), bytes.begin(), bytes.end());
    }
    if (all.empty()) return {0xFF, used.written, {}};
    const auto status = static_cast<unsigned>(all.back());
    all.pop_back();
    return {status, used.written, all};
  }

  template <class Value>
  Value config(std::size_t offset) {
    Value value{};
    guest.backend.read_config(offset, std::as_writable_bytes(std::span(&value, 1))).value();
    return value;
  }

  TemporaryFolder folder;
  std::unique_ptr<Blk> blk;
  VirtioGuest guest;
};

}  // namespace

TEST_CASE_TEMPLATE("what is written is read, however the driver splits it", Layout, Split, Packed) {
  for (const auto way : ways)
    for (const std::uint32_t piece : {1U << 20, 512U, 7U * 64U, 33U}) {
      CAPTURE(piece);
      DiskGuest disk(way, {.size = 256, .packed = Layout::packed});
      const auto contents = filled(4 * sector, piece);
      const auto wrote = disk.request(VIRTIO_BLK_T_OUT, 5, contents, 0, piece);
      CHECK(wrote.status == ok);
      CHECK(wrote.written == 1);
      const auto read = disk.request(VIRTIO_BLK_T_IN, 5, {}, contents.size(), piece);
      CHECK(read.status == ok);
      CHECK(read.written == contents.size() + 1);
      CHECK(read.data == contents);
      CHECK(disk.request(VIRTIO_BLK_T_IN, 9, {}, sector).data == Bytes(sector));
      CHECK(disk.request(VIRTIO_BLK_T_FLUSH, 0).status == ok);
    }
}

TEST_CASE("a range that is not on the disk, and data that is no sectors, are errors") {
  for (const auto way : ways) {
    DiskGuest disk(way);
    const auto is = [&](std::uint64_t at, std::size_t size) {
      const auto read = disk.request(VIRTIO_BLK_T_IN, at, {}, size);
      CHECK(read.written <= (size == 0 ? 1U : read.status == ok ? size + 1 : 0U));
      CHECK(disk.request(VIRTIO_BLK_T_OUT, at, Bytes(size)).status == read.status);
      return read.status;
    };
    CHECK(is(sectors - 1, sector) == ok);
    CHECK(is(sectors, 0) == ok);
    CHECK(is(sectors, sector) == io_error);
    CHECK(is(sectors - 1, 2 * sector) == io_error);
    CHECK(is(~std::uint64_t{0}, sector) == io_error);
    CHECK(is((std::uint64_t{1} << 55) - 1, sector) == io_error);  // × 512 would wrap
    CHECK(is(0, 100) == io_error);
  }
}

TEST_CASE("requests without a header or without room for the status hurt nobody") {
  DiskGuest disk;
  const auto header = disk.place(Bytes(16), 16);
  const auto half = disk.place(Bytes(15), 15);
  const auto status = disk.place(Bytes(1), 1);
  CHECK(disk.exchange(header, {}).written == 0);
  CHECK(disk.exchange({}, status).status == io_error);
  CHECK(disk.exchange(half, status).status == io_error);
  CHECK(disk.request(VIRTIO_BLK_T_IN, 0, {}, sector).status == ok);
}

TEST_CASE("a type that is unknown is unsupported") {
  DiskGuest disk;
  for (const std::uint32_t type : {2U, 14U, 99U, ~0U})
    CHECK(disk.request(type, 0, {}, 20).status == unsupported);
}

TEST_CASE("the serial number is 20 bytes, as many of them as there is room for") {
  DiskGuest disk;
  const auto whole = disk.request(VIRTIO_BLK_T_GET_ID, 0, {}, 20);
  CHECK(whole.status == ok);
  CHECK(whole.written == 21);
  CHECK(std::string(reinterpret_cast<const char*>(whole.data.data())) == "a serial");
  const auto part = disk.request(VIRTIO_BLK_T_GET_ID, 0, {}, 4);
  CHECK(part.written == 5);
  CHECK(part.data[3] == std::byte{'e'});
  const auto more = disk.request(VIRTIO_BLK_T_GET_ID, 0, {}, 30);
  CHECK(more.written == 20);  // not those between the serial and the status
  CHECK(more.status == ok);
  CHECK(Blk::create(os::DiskFile::of_memory(512).value(), {.serial = std::string(21, 'x')})
            .has_error());
}

TEST_CASE("discarded and zeroed sectors read as zeroes") {
  for (const auto way : ways)
    for (const std::uint32_t type : {discard, zeroes}) {
      DiskGuest disk(way);
      const auto contents = filled(24 * sector, 3);
      CHECK(disk.request(VIRTIO_BLK_T_OUT, 0, contents).status == ok);
      CHECK(disk.request(type, 0, of_range(8, 8, 0), 0, 9).status == ok);
      CHECK(disk.request(VIRTIO_BLK_T_IN, 8, {}, 8 * sector).data == Bytes(8 * sector));
      CHECK(disk.request(VIRTIO_BLK_T_IN, 7, {}, sector).data ==
            Bytes(contents.begin() + 7 * sector, contents.begin() + 8 * sector));
      CHECK(disk.request(VIRTIO_BLK_T_IN, 16, {}, sector).data ==
            Bytes(contents.begin() + 16 * sector, contents.begin() + 17 * sector));
      CHECK(disk.request(type, 0, of_range(0, 8, 1)).status ==
            (type == discard ? unsupported : ok));
      CHECK(disk.request(type, 0, of_range(0, 8, 2)).status == unsupported);
      CHECK(disk.request(type, 0, of_range(sectors, 1, 0)).status == io_error);
      CHECK(disk.request(type, 0, of_range(0, 1U << 31, 0)).status == io_error);
      CHECK(disk.request(type, 0, of_range(3, 0, 0)).status == ok);
      CHECK(disk.request(type, 0, Bytes(15)).status == io_error);
      CHECK(disk.request(type, 0, Bytes(32)).status == io_error);  // one range is the most
    }
}

TEST_CASE("a null disk has a size, and keeps nothing") {
  constexpr std::uint64_t size = std::uint64_t{1} << 40;
  const auto blk =
      Blk::create(os::DiskFile::of_memory(null_file_size).value(), {.null_size = size}).value();
  VirtioGuest guest(*blk);
  guest.start(0);
  const virtio_blk_outhdr header{VIRTIO_BLK_T_IN, 0, size / sector - 1};
  const GuestBuffer readable[] = {guest.allocate(std::as_bytes(std::span(&header, 1)))};
  const GuestBuffer writable[] = {guest.allocate(sector), guest.allocate(Bytes(1, std::byte{9}))};
  guest.submit(0, readable, writable);
  CHECK(guest.wait_used(0).written == 0);
  CHECK(guest.bytes(writable[1])[0] == std::byte{ok});
}

TEST_CASE("a read-only disk is read, and nothing writes it") {
  DiskGuest disk(Way::file, {}, true);
  CHECK((disk.guest.backend.device_features() & virtio::feature(VIRTIO_BLK_F_RO)) != 0);
  CHECK(disk.request(VIRTIO_BLK_T_OUT, 0, filled(sector, 1)).status == io_error);
  CHECK(disk.request(VIRTIO_BLK_T_DISCARD, 0, of_range(0, 1, 0)).status == io_error);
  CHECK(disk.request(VIRTIO_BLK_T_WRITE_ZEROES, 0, of_range(0, 1, 0)).status == io_error);
  CHECK(disk.request(VIRTIO_BLK_T_FLUSH, 0).status == ok);
  CHECK(disk.request(VIRTIO_BLK_T_IN, 0, {}, sector).data == Bytes(sector));
}

TEST_CASE("config space: sizes, and the write-back switch") {
  DiskGuest disk(Way::ring, {}, false, 4);
  CHECK(disk.config<std::uint64_t>(offsetof(virtio_blk_config, capacity)) == sectors);
  CHECK(disk.config<std::uint32_t>(offsetof(virtio_blk_config, blk_size)) == 512);
  CHECK(disk.config<std::uint16_t>(offsetof(virtio_blk_config, num_queues)) == 4);
  constexpr auto switch_at = offsetof(virtio_blk_config, wce);
  CHECK(disk.config<std::uint8_t>(switch_at) == 1);
  const auto set = [&](std::size_t at, std::byte value) {
    return disk.guest.backend.write_config(at, std::span(&value, 1)).has_value();
  };
  CHECK(set(switch_at, std::byte{0}));
  CHECK(disk.config<std::uint8_t>(switch_at) == 0);
  CHECK_FALSE(set(switch_at, std::byte{2}));
  CHECK_FALSE(set(0, std::byte{0}));
  CHECK(disk.request(VIRTIO_BLK_T_OUT, 0, filled(sector, 1)).status == ok);  // durable at once
  const auto features = disk.guest.backend.device_features();
  CHECK((features & virtio::feature(VIRTIO_BLK_F_FLUSH)) != 0);
  CHECK((features & virtio::feature(VIRTIO_BLK_F_CONFIG_WCE)) != 0);
}

TEST_CASE("without FLUSH, each write is durable") {
  DiskGuest disk(Way::file, {.features = ~(virtio::feature(VIRTIO_BLK_F_FLUSH) |
                                           virtio::feature(VIRTIO_BLK_F_CONFIG_WCE))});
  CHECK(disk.config<std::uint8_t>(offsetof(virtio_blk_config, wce)) == 0);
  CHECK(disk.request(VIRTIO_BLK_T_OUT, 0, filled(sector, 1)).status == ok);
}

TEST_CASE("a disk that grows tells the driver, and is used to its new end") {
  DiskGuest disk(Way::file);
  unsigned changes = 0;
  const auto listening = disk.guest.backend.on_config_change([&] { ++changes; });
  CHECK(disk.request(VIRTIO_BLK_T_IN, sectors, {}, sector).status == io_error);
  std::filesystem::resize_file(disk.folder.file("disk"), 2 * sectors * sector);
  disk.blk->refresh();
  disk.blk->refresh();
  CHECK(disk.guest.run_until([&] { return changes == 1; }));
  CHECK(disk.config<std::uint64_t>(0) == 2 * sectors);
  CHECK(disk.request(VIRTIO_BLK_T_OUT, sectors, filled(sector, 1)).status == ok);
}

TEST_CASE("an error of the file reaches the driver, and the log at a bounded rate") {
  DiskGuest disk(Way::file);
  std::filesystem::resize_file(disk.folder.file("disk"), 0);  // somebody cuts it
  const LogCatcher log;
  for (int times = 0; times < 100; ++times)
    CHECK(disk.request(VIRTIO_BLK_T_IN, 8, {}, 2 * sector).status == io_error);
  CHECK(log.count("read of 1024 bytes at 4096: the file is shorter now") <= 30);
  CHECK(log.count("read of 1024 bytes at 4096: the file is shorter now") >= 1);
  CHECK(disk.request(VIRTIO_BLK_T_OUT, 8, filled(sector, 1)).status == ok);
}

namespace {

// Many requests at a time against a buffer that says what the disk has. Those that overlap are
// never in flight together, so their order does not matter.
struct Reference {
  explicit Reference(DiskGuest& on) : disk(on) {
    for (unsigned index = 0; index < places; ++index) {
      slots[index].header = disk.guest.allocate(sizeof(virtio_blk_outhdr));
      slots[index].data = disk.guest.allocate(place_size);
      slots[index].status = disk.guest.allocate(1);
    }
  }

  void begin(unsigned index) {
    auto& slot = slots[index];
    slot.writes = random() % 2 == 0;
    const auto at = index * place_size / sector;
    const virtio_blk_outhdr header{
        slot.writes ? std::uint32_t{VIRTIO_BLK_T_OUT} : std::uint32_t{VIRTIO_BLK_T_IN}, 0, at};
    std::ranges::copy(std::as_bytes(std::span(&header, 1)), disk.guest.bytes(slot.header).begin());
    const auto data = disk.guest.bytes(slot.data);
    if (slot.writes) slot.contents = filled(place_size, static_cast<unsigned>(random()));
    std::ranges::copy(slot.writes ? slot.contents : Bytes(place_size, std::byte{0xEE}),
                      data.begin());
    const std::array readable{slot.header, slot.data};
    const std::array writable{slot.data, slot.status};
    const unsigned queue = index % static_cast<unsigned>(disk.guest.queues.size());
    if (slot.writes)
      disk.guest.submit(queue, readable, std::span(writable).last(1), index);
    else
      disk.guest.submit(queue, std::span(readable).first(1), writable, index);
  }

  void end(unsigned index) {
    auto& slot = slots[index];
    REQUIRE(disk.guest.bytes(slot.status)[0] == std::byte{VIRTIO_BLK_S_OK});
    if (!slot.writes) REQUIRE(std::ranges::equal(disk.guest.bytes(slot.data), slot.contents));
  }

  // Until `count` requests have ended, and nothing is in flight.
  void run(unsigned count) {
    for (unsigned index = 0; index < places; ++index) begin(index);
    unsigned ended = 0;
    REQUIRE(disk.guest.run_until([&] {
      each_used([&](unsigned index) {
        if (++ended + places <= count) begin(index);
      });
      return ended == count;
    }));
  }

  template <class Then>
  void each_used(Then then) {
    for (auto& queue : disk.guest.queues)
      while (const auto used = queue.driver.poll_used()) {
        const auto index = static_cast<unsigned>(used->token);
        end(index);
        then(index);
      }
  }

  static constexpr unsigned places = 64;
  static constexpr std::uint32_t place_size = 8 * sector;
  struct Slot {
    GuestBuffer header, data, status;
    bool writes = false;
    Bytes contents = Bytes(place_size);
  };
  DiskGuest& disk;
  std::minstd_rand random{7};
  std::array<Slot, places> slots;
};

}  // namespace

TEST_CASE_TEMPLATE("64 requests at a time, on four queues, against a reference", Layout, Split,
                   Packed) {
  for (const auto way : ways) {
    DiskGuest disk(way, {.size = 256, .packed = Layout::packed}, false, 4);
    Reference(disk).run(3000);
  }
}

TEST_CASE("queues that are stopped under traffic lose nothing, and leave nothing in flight") {
  DiskGuest disk(Way::file, {.size = 256}, false, 2);
  Reference reference(disk);
  for (int round = 0; round < 20; ++round) {
    for (unsigned index = 0; index < Reference::places; ++index) reference.begin(index);
    disk.guest.run();
    for (unsigned queue = 0; queue < 2; ++queue) {
      const auto position = disk.guest.stop(queue);
      CHECK(position.next_available == position.next_used);
      disk.guest.start_disabled(queue, position);
    }
    unsigned ended = 0;
    REQUIRE(disk.guest.run_until([&] {
      reference.each_used([&](unsigned) { ++ended; });
      return ended == Reference::places;
    }));
  }
}
