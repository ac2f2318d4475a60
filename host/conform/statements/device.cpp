// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 92 to 102, and 159: what requests do to a disk, and what an entropy source gives.
#include <linux/virtio_blk.h>

#include <algorithm>
#include <cstring>

#include "host/conform/test_requests.hpp"

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
using vhost_user::bit;
using vhost_user::Bytes;

constexpr auto disk = std::uint8_t(Kind::blk);
constexpr std::uint32_t sector = 512;
constexpr unsigned status_unset = 0xEE;
constexpr std::uint32_t unknown_type = 0x7777;

/// Requests for a disk, one at a time, each with its status.
class Disk {
 public:
  explicit Disk(Trial& trial, std::uint64_t features = 0)
      : trial_(trial), front_(trial.up({.features = features})), traffic_(trial, front_) {}

  /// Sends the bytes of `out`, if any, and fills `in`, if it has any. Returns the status.
  unsigned run(std::uint32_t type, std::uint64_t at, std::span<const std::byte> out,
               std::span<std::byte> in = {}) {
    auto& memory = front_.memory();
    const auto header = memory.allocate(sizeof(virtio_blk_outhdr));
    *memory.as<virtio_blk_outhdr>(header) = {.type = type, .ioprio = 0, .sector = at};
    std::vector<Buffer> buffers{{header, sizeof(virtio_blk_outhdr), false}};
    const auto data = memory.allocate(out.size() + in.size());
    if (!out.empty()) {
      std::ranges::copy(out, memory.at(data));
      buffers.push_back({data, static_cast<std::uint32_t>(out.size()), false});
    }
    if (!in.empty()) buffers.push_back({data, static_cast<std::uint32_t>(in.size()), true});
    const auto status = memory.allocate(1);
    *memory.at(status) = std::byte(status_unset);
    buffers.push_back({status, 1, true});
    return finish(buffers, data, status, in);
  }

  /// The length of the last completion.
  [[nodiscard]] std::uint32_t length() const noexcept { return length_; }
  [[nodiscard]] FrontEnd& front() noexcept { return front_; }

 private:
  unsigned finish(std::span<const Buffer> buffers, std::uint64_t data, std::uint64_t status,
                  std::span<std::byte> in) {
    const auto head = traffic_.ring().words.describe(buffers);
    traffic_.offer_as(head.value(), buffers);
    traffic_.kick();
    const auto used = traffic_.next();
    trial_.expect(used.has_value(), "a request was not completed in time");
    length_ = used->len;
    std::copy_n(front_.memory().at(data), in.size(), in.begin());
    return std::to_integer<unsigned>(*front_.memory().at(status));
  }

  Trial& trial_;
  FrontEnd front_;
  TestRequests traffic_;
  std::uint32_t length_ = 0;
};

Bytes pattern(std::size_t size, unsigned seed) {
  Bytes bytes(size);
  for (std::size_t at = 0; at < size; ++at)
    bytes[at] = static_cast<std::byte>(at * 7 + at / 251 + seed);
  return bytes;
}

void written_and_read(Trial& trial) {
  if (trial.offers(VIRTIO_BLK_F_RO)) throw Untried{"the disk is read-only"};
  Disk target(trial);
  for (const std::size_t size : {sector, 8 * sector}) {
    const auto data = pattern(size, static_cast<unsigned>(size / 100));
    const auto wrote = target.run(VIRTIO_BLK_T_OUT, 8, data);
    trial.expect(wrote == VIRTIO_BLK_S_OK, "a write of {} bytes has status {:#x}", size, wrote);
    Bytes back(size);
    const auto read = target.run(VIRTIO_BLK_T_IN, 8, {}, back);
    trial.expect(read == VIRTIO_BLK_S_OK, "a read of {} bytes has status {:#x}", size, read);
    trial.expect(back == data, "{} bytes are read back otherwise than they were written", size);
  }
}

void identified(Trial& trial) {
  Disk target(trial);
  Bytes id(VIRTIO_BLK_ID_BYTES);
  const auto status = target.run(VIRTIO_BLK_T_GET_ID, 0, {}, id);
  trial.expect(status == VIRTIO_BLK_S_OK, "GET_ID has status {:#x}", status);
}

void unknown_request(Trial& trial) {
  Disk target(trial);
  Bytes nothing(sector);
  const auto status = target.run(unknown_type, 0, {}, nothing);
  trial.expect(status == VIRTIO_BLK_S_UNSUPP, "its status is {:#x}, not 2", status);
}

void beyond_the_end(Trial& trial) {
  Disk target(trial);
  Bytes data(sector);
  const auto status = target.run(VIRTIO_BLK_T_IN, std::uint64_t{1} << 52, {}, data);
  trial.expect(status == VIRTIO_BLK_S_IOERR, "a read's status is {:#x}, not 1", status);
}

void overflowing_sector(Trial& trial) {
  Disk target(trial);
  const auto data = pattern(sector, 1);
  const auto status = target.run(VIRTIO_BLK_T_OUT, ~std::uint64_t{0} >> 1, data);
  trial.expect(status == VIRTIO_BLK_S_IOERR, "a write's status is {:#x}, not 1", status);
}

void read_only(Trial& trial) {
  Disk target(trial, bit(VIRTIO_BLK_F_RO));
  Bytes before(sector);
  static_cast<void>(target.run(VIRTIO_BLK_T_IN, 0, {}, before));
  const auto status = target.run(VIRTIO_BLK_T_OUT, 0, pattern(sector, 99));
  trial.expect(status == VIRTIO_BLK_S_IOERR, "a write's status is {:#x}, not 1", status);
  Bytes after(sector);
  static_cast<void>(target.run(VIRTIO_BLK_T_IN, 0, {}, after));
  trial.expect(before == after, "something was written");
}

void flush_with_switch(Trial& trial) {
  trial.expect(trial.offers(VIRTIO_BLK_F_FLUSH), "the features are {:#x}",
               trial.probe().offer.features);
}

void flushed(Trial& trial) {
  Disk target(trial, bit(VIRTIO_BLK_F_FLUSH));
  const auto status = target.run(VIRTIO_BLK_T_FLUSH, 0, {});
  trial.expect(status == VIRTIO_BLK_S_OK, "FLUSH has status {:#x}", status);
}

unsigned run_on_sectors(Disk& target, std::uint32_t type, std::uint32_t flags) {
  const virtio_blk_discard_write_zeroes range{.sector = 16, .num_sectors = 8, .flags = flags};
  return target.run(type, 0, payload(range));
}

void discard_flags(Trial& trial) {
  Disk target(trial, bit(VIRTIO_BLK_F_DISCARD));
  const auto status = run_on_sectors(target, VIRTIO_BLK_T_DISCARD, 0x80);
  trial.expect(status == VIRTIO_BLK_S_UNSUPP, "its status is {:#x}, not 2", status);
}

void zeroes_flags(Trial& trial) {
  Disk target(trial, bit(VIRTIO_BLK_F_WRITE_ZEROES));
  const auto status = run_on_sectors(target, VIRTIO_BLK_T_WRITE_ZEROES, 0x80);
  trial.expect(status == VIRTIO_BLK_S_UNSUPP, "its status is {:#x}, not 2", status);
}

void zeroes_written(Trial& trial) {
  Disk target(trial, bit(VIRTIO_BLK_F_WRITE_ZEROES));
  Bytes data = pattern(8 * sector, 5);
  static_cast<void>(target.run(VIRTIO_BLK_T_OUT, 16, data));
  const auto status = run_on_sectors(target, VIRTIO_BLK_T_WRITE_ZEROES, 0);
  trial.expect(status == VIRTIO_BLK_S_OK, "its status is {:#x}", status);
  static_cast<void>(target.run(VIRTIO_BLK_T_IN, 16, {}, data));
  trial.expect(std::ranges::all_of(data, [](auto byte) { return byte == std::byte(0); }),
               "the sectors are not zero");
}

void entropy(Trial& trial) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  const auto first = traffic.request();
  const auto second = traffic.request();
  for (const auto& buffers : {first, second})
    traffic.offer_as(traffic.ring().words.describe(buffers).value(), buffers);
  traffic.kick();
  traffic.await(2, "requests for entropy");
  trial.expect(std::memcmp(front.memory().at(first[0].address),
                           front.memory().at(second[0].address), first[0].size) != 0,
               "two requests gave the same bytes");
}

constexpr Statement device_table[] = {
    {92,
     "What was written to the disk is read back",
     "virtio 1.2: 5.2.6",
     {.kinds = disk, .layouts = Layouts::both},
     written_and_read},
    {93, "GET_ID is answered", "virtio 1.2: 5.2.6", {.kinds = disk}, identified},
    {94,
     "An unknown type of request has status UNSUPP",
     "virtio 1.2: 5.2.6",
     {.kinds = disk},
     unknown_request},
    {95,
     "A read beyond the disk's end has status IOERR",
     "virtio 1.2: 5.2.6",
     {.kinds = disk},
     beyond_the_end},
    {96,
     "A write whose position overflows has status IOERR",
     "virtio 1.2: 5.2.6",
     {.kinds = disk},
     overflowing_sector},
    {97,
     "A write to a read-only disk has status IOERR, and writes nothing",
     "virtio 1.2: 5.2.6.2",
     {.features = bit(VIRTIO_BLK_F_RO), .kinds = disk},
     read_only},
    {98,
     "A disk with a switch for write-back offers FLUSH",
     "virtio 1.2: 5.2.5.2",
     {.features = bit(VIRTIO_BLK_F_CONFIG_WCE), .kinds = disk},
     flush_with_switch},
    {99,
     "FLUSH is done",
     "virtio 1.2: 5.2.6",
     {.features = bit(VIRTIO_BLK_F_FLUSH), .kinds = disk, .layouts = Layouts::both},
     flushed},
    {100,
     "A discard with unknown flags has status UNSUPP",
     "virtio 1.2: 5.2.6.2",
     {.features = bit(VIRTIO_BLK_F_DISCARD), .kinds = disk},
     discard_flags},
    {101,
     "Sectors that are to be written with zeroes are zero",
     "virtio 1.2: 5.2.6",
     {.features = bit(VIRTIO_BLK_F_WRITE_ZEROES), .kinds = disk},
     zeroes_written},
    {102,
     "An entropy source never gives the same bytes twice",
     "virtio 1.2: 5.4",
     {.kinds = std::uint8_t(Kind::rng), .layouts = Layouts::both},
     entropy},
};

constexpr Statement more_device_table[] = {
    {159,
     "A write of zeroes with unknown flags has status UNSUPP",
     "virtio 1.2: 5.2.6.2",
     {.features = bit(VIRTIO_BLK_F_WRITE_ZEROES), .kinds = disk},
     zeroes_flags},
};

}  // namespace

std::span<const Statement> more_device_statements() noexcept {
  return more_device_table;
}

std::span<const Statement> device_statements() noexcept {
  return device_table;
}

}  // namespace bellwire::host::conform
