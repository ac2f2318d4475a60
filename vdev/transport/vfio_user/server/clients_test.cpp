// SPDX-License-Identifier: BSD-3-Clause
//
// What other people's clients send, message by message, and what they must get: a row of the table
// in docs/vfio-user.md each. The messages are those of QEMU 11.1 (hw/vfio-user), of SPDK
// (lib/vfio_user/host) and of libvfio-user's samples/client.c, in the order in which these send
// them.
#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vdev/testing/vfio_user_messages.hpp"

using namespace bellwire;
using namespace bellwire::vfio_user;

namespace {

constexpr std::uint64_t place = 0x100000;
constexpr std::uint32_t config_region = VFIO_PCI_CONFIG_REGION_INDEX;
constexpr std::uint32_t device_feature_set_logging = 1U << 17 | 6;

Bytes greeting(std::uint16_t minor, std::string_view json) {
  auto payload = bytes_of(Version{0, minor});
  append(payload, std::as_bytes(std::span(json)));
  payload.push_back(std::byte{0});
  return payload;
}

std::string agreed(const RawClient& client) {
  const auto& payload = client.last.payload;
  REQUIRE(payload.size() > sizeof(Version));
  CHECK(head<Version>(payload)->major == 0);
  CHECK(head<Version>(payload)->minor == 0);
  REQUIRE(payload.back() == std::byte{0});
  return reinterpret_cast<const char*>(payload.data()) + sizeof(Version);
}

// A request for a region's info, `padded` to so many bytes.
Bytes region_request(std::uint32_t index, std::uint32_t argsz, std::size_t padded) {
  vfio_region_info info{};
  info.argsz = argsz;
  info.index = index;
  auto payload = bytes_of(info);
  payload.resize(padded);
  return payload;
}

vfio_region_info told_region(const RawClient& client) {
  const auto info = head<vfio_region_info>(client.last.payload);
  REQUIRE(info.has_value());
  return *info;
}

std::uint32_t interrupts(RawClient& client, std::uint32_t index) {
  REQUIRE(client.ask(Command::device_get_irq_info,
                     bytes_of(vfio_irq_info{sizeof(vfio_irq_info), 0, index, 0})) == accepted);
  REQUIRE(client.last.payload.size() == sizeof(vfio_irq_info));
  return head<vfio_irq_info>(client.last.payload)->count;
}

template <class Register>
Bytes write_of(Register reg, typename Register::Value value) {
  return bytes_of(RegionAccess{reg.offset, 0, sizeof value}) + bytes_of(value);
}

// An eventfd as libvfio-user's client has it: reading it waits.
os::UniqueFd blocking_eventfd() {
  return os::UniqueFd(::eventfd(0, EFD_CLOEXEC));
}

std::uint64_t read_waiting(const os::UniqueFd& event) {
  std::uint64_t count = 0;
  REQUIRE(::read(event.get(), &count, sizeof count) == sizeof count);
  return count;
}

os::UniqueFd unsealed_file(std::uint64_t size) {
  os::UniqueFd fd(::memfd_create("unsealed", MFD_CLOEXEC));
  REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
  return fd;
}

}  // namespace

TEST_CASE("QEMU's messages, from plugging to unplugging") {
  ServedFunctions<> served;
  RawClient qemu(served.path());
  const auto memory = os::create_memfd("ram", 16 * page_size).value();
  const auto events = os::create_events(3).value();
  REQUIRE(qemu.ask(
              Command::version,
              greeting(0, R"({"capabilities": {"migration": {"max_bitmap_size": 268435456, )"
                          R"("pgsize": 4096}, "max_msg_fds": 16, "max_data_xfer_size": 1048576, )"
                          R"("pgsizes": 4096, "max_dma_maps": 65535, "write_multiple": true}})")) ==
          accepted);
  CHECK(agreed(qemu) == R"({"capabilities":{"max_msg_fds":16,"max_data_xfer_size":1048576,)"
                        R"("pgsizes":4096,"write_multiple":true}})");
  REQUIRE(qemu.ask(Command::dma_map, dma_map(32, both, 0, 0, 16 * page_size), {memory.get()}) ==
          accepted);
  REQUIRE(qemu.ask(Command::device_get_info, bytes_of(DeviceInfo{16, 0, 0, 0})) == accepted);
  for (const std::uint32_t index : {0U, 1U, 2U, 3U, 4U, 5U, config_region}) {
    CAPTURE(index);
    REQUIRE(qemu.ask(Command::device_get_region_info, region_request(index, 32, 32)) == accepted);
    if (const auto needed = told_region(qemu).argsz; needed > 32) {
      REQUIRE(qemu.ask(Command::device_get_region_info, region_request(index, needed, 32)) ==
              accepted);
      CHECK(qemu.last.payload.size() == needed);
    }
    CHECK(qemu.last.fds.size() == (index == 1 ? 1 : 0));  // it takes one, and no other
  }
  REQUIRE(qemu.ask(Command::region_read, access(0, config_region, page_size)) == accepted);
  CHECK(qemu.last.payload.size() == sizeof(RegionAccess) + page_size);
  CHECK(interrupts(qemu, VFIO_PCI_MSIX_IRQ_INDEX) == TestFunction::vectors);
  // "Could not enable error recovery for the device", if it isn't 1.
  CHECK(interrupts(qemu, VFIO_PCI_ERR_IRQ_INDEX) == 1);
  CHECK(interrupts(qemu, VFIO_PCI_REQ_IRQ_INDEX) == 1);
  for (const std::uint32_t index : {VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX})
    REQUIRE(qemu.ask(Command::device_set_irqs, irq_set(fd_trigger, index, 0, 1),
                     {events[index - VFIO_PCI_ERR_IRQ_INDEX].fd()}) == accepted);
  REQUIRE(qemu.ask(Command::device_reset, {}) == accepted);
  // MSI-X is enabled without a descriptor first.
  REQUIRE(qemu.ask(Command::device_set_irqs, irq_set(fd_trigger, msix, 0, 1)) == accepted);
  REQUIRE(qemu.ask(Command::device_set_irqs, irq_set(none_trigger, msix, 0, 0)) == accepted);
  REQUIRE(qemu.ask(Command::device_set_irqs, irq_set(fd_trigger, msix, 0, 1), {events[2].fd()}) ==
          accepted);
  // Posted writes, alone and as a bundle: the next reply is of what comes after them.
  qemu.say(command_header(Command::region_write, 7, flags::no_reply),
           write_of(TestFunction::raise, 0));
  SmallWrite ring{{TestFunction::narrow.offset, 0, 1}, {}};
  qemu.say(command_header(Command::region_write_multi, 8, flags::no_reply),
           bytes_of(WriteMulti{1}) + bytes_of(ring));
  qemu.say(command_header(Command::region_read, 9), access(TestFunction::narrow.offset, 0, 1));
  REQUIRE(qemu.outcome() == accepted);
  CHECK(qemu.last.header.id == 9);
  CHECK(qemu.last.payload.back() == std::byte{1});
  CHECK(events[2].drain() == 1);
  REQUIRE(qemu.ask(Command::dma_unmap, bytes_of(DmaUnmap{24, 0, 0, 16 * page_size})) == accepted);
  CHECK(qemu.last.payload.size() == sizeof(DmaUnmap));
  REQUIRE(qemu.ask(Command::dma_unmap, bytes_of(DmaUnmap{24, 2, 0, 0})) == accepted);
  REQUIRE(qemu.ask(Command::device_set_irqs, irq_set(none_trigger, msix, 0, 0)) == accepted);
}

TEST_CASE("SPDK's messages: a bare version, padded requests, a descriptor to unmap with") {
  ServedFunctions<> served;
  RawClient spdk(served.path());
  constexpr std::uint32_t padded = 4096 - sizeof(vfio_region_info);
  const auto memory = os::create_memfd("hugepages", 16 * page_size).value();
  REQUIRE(spdk.ask(Command::version, bytes_of(Version{0, 0})) == accepted);
  CHECK(agreed(spdk) == R"({"capabilities":{}})");
  REQUIRE(spdk.ask(Command::device_get_info, bytes_of(DeviceInfo{16, 0, 0, 0})) == accepted);
  const auto regions = head<DeviceInfo>(spdk.last.payload)->num_regions;
  CHECK(regions == VFIO_PCI_NUM_REGIONS);
  for (std::uint32_t index = 0; index < regions; ++index) {
    CAPTURE(index);
    REQUIRE(spdk.ask(Command::device_get_region_info, region_request(index, padded, padded)) ==
            accepted);
    CHECK(spdk.last.payload.size() == told_region(spdk).argsz);
    const bool maps = (told_region(spdk).flags & VFIO_REGION_INFO_FLAG_MMAP) != 0;
    CHECK(spdk.last.fds.size() == (maps ? 1 : 0));
  }
  REQUIRE(spdk.ask(Command::dma_map, dma_map(32, both, 0, place, 16 * page_size), {memory.get()}) ==
          accepted);
  REQUIRE(spdk.ask(Command::region_write, write_of(TestFunction::scratch, 7)) == accepted);
  CHECK(spdk.last.payload.size() == sizeof(RegionAccess));
  REQUIRE(spdk.ask(Command::region_read, access(TestFunction::scratch.offset, 0, 4)) == accepted);
  CHECK(head<std::uint32_t>(std::span(spdk.last.payload).subspan(sizeof(RegionAccess))) == 7);
  const auto before = open_fds();
  REQUIRE(spdk.ask(Command::dma_unmap, bytes_of(DmaUnmap{24, 0, place, 16 * page_size}),
                   {memory.get()}) == accepted);
  CHECK(open_fds() == before);
  CHECK(served.with([](TestFunction& function) { return function.memory().regions(); }) == 0);
}

TEST_CASE("libvfio-user's sample: small data, no room for descriptors, an eventfd that blocks") {
  ServedFunctions<> served;
  RawClient sample(served.path());
  const auto memory = unsealed_file(32 * page_size);
  const auto intx = blocking_eventfd();
  REQUIRE(sample.ask(Command::version, greeting(2, R"({"capabilities":{"max_msg_fds":32,)"
                                                   R"("max_data_xfer_size":1024}})")) == accepted);
  CHECK(agreed(sample) == R"({"capabilities":{"max_msg_fds":16,"max_data_xfer_size":1048576}})");
  CHECK(sample.ask(Command::region_read, access(0, 0xDEADBEEF, 4)) == EINVAL);
  REQUIRE(sample.ask(Command::device_get_info, bytes_of(DeviceInfo{16, 0, 0, 0})) == accepted);
  CHECK(head<DeviceInfo>(sample.last.payload)->num_regions == 9);
  // Asked for the first time, it has no room for a descriptor, and gives up when one comes.
  REQUIRE(sample.ask(Command::device_get_region_info, region_request(1, 32, 32)) == accepted);
  CHECK(sample.last.fds.empty());
  const auto needed = told_region(sample).argsz;
  REQUIRE(sample.ask(Command::device_get_region_info, region_request(1, needed, needed)) ==
          accepted);
  CHECK(sample.last.fds.size() == 1);
  CHECK(told_region(sample).argsz == needed);
  CHECK(told_region(sample).cap_offset == sizeof(vfio_region_info));
  REQUIRE(sample.ask(Command::region_read, access(0, config_region, 64)) == accepted);
  REQUIRE(sample.ask(Command::device_reset, {}) == accepted);
  for (std::uint64_t page = 0; page < 32; ++page)
    REQUIRE(sample.ask(Command::dma_map,
                       dma_map(32, both, page * page_size, page * page_size, page_size),
                       {memory.get()}) == accepted);
  for (std::uint32_t index = 0; index < VFIO_PCI_NUM_IRQS; ++index) (void)interrupts(sample, index);
  REQUIRE(sample.ask(Command::device_set_irqs, irq_set(fd_trigger, VFIO_PCI_INTX_IRQ_INDEX, 0, 1),
                     {intx.get()}) == accepted);
  // Dirty pages are not logged here; the sample ends at that.
  CHECK(sample.ask(Command::device_feature,
                   bytes_of(std::array<std::uint32_t, 2>{24, device_feature_set_logging}) +
                       Bytes(16)) == ENOTSUP);
  REQUIRE(sample.ask(Command::region_write, write_of(TestFunction::level, 1)) == accepted);
  CHECK(read_waiting(intx) == 1);
  // It writes and reads 12 KiB at a time: its own 1,024 bytes are a limit for us.
  REQUIRE(sample.ask(Command::region_write, access(0, 1, 0x3000, 0x3000)) == accepted);
  REQUIRE(sample.ask(Command::region_read, access(0, 1, 0x3000)) == accepted);
  REQUIRE(sample.ask(Command::dma_unmap, bytes_of(DmaUnmap{24, 0, 0, page_size})) == accepted);
}

TEST_CASE("libvfio-user's sample is sent DMA of at most the 1,024 bytes that it takes") {
  ServedFunctions<> served;
  RawClient sample(served.path());
  REQUIRE(sample.ask(Command::version, greeting(2, R"({"capabilities":{"max_msg_fds":32,)"
                                                   R"("max_data_xfer_size":1024}})")) == accepted);
  REQUIRE(sample.ask(Command::dma_map, dma_map(32, both, 0, place, page_size)) == accepted);
  REQUIRE(sample.ask(Command::region_write, write_of(TestFunction::address, place)) == accepted);
  const auto serve = [&](Command command) {
    for (std::uint64_t at = 0; at < page_size; at += 1024) {
      REQUIRE(sample.outcome() == accepted);
      REQUIRE(sample.last.header.command == static_cast<std::uint16_t>(command));
      const auto asked = *head<DmaAccess>(sample.last.payload);
      CHECK(asked.address == place + at);
      CHECK(asked.count == 1024);
      sample.answer(bytes_of(asked) + Bytes(command == Command::dma_read ? 1024 : 0));
    }
    REQUIRE(sample.ask(Command::region_read, access(TestFunction::result.offset, 0, 4)) ==
            accepted);
    CHECK(head<std::uint32_t>(std::span(sample.last.payload).subspan(16)) == 0U);
  };
  REQUIRE(sample.ask(Command::region_write, write_of(TestFunction::put, page_size)) == accepted);
  serve(Command::dma_write);
  REQUIRE(sample.ask(Command::region_write, write_of(TestFunction::fetch, page_size)) == accepted);
  serve(Command::dma_read);
}

TEST_CASE("a client that takes no descriptors, or no data, gets none") {
  ServedFunctions<> served;
  RawClient client(served.path());
  REQUIRE(client.ask(Command::version, greeting(0, R"({"capabilities":{"max_msg_fds":0,)"
                                                   R"("max_data_xfer_size":0}})")) == accepted);
  REQUIRE(client.ask(Command::device_get_region_info, region_request(1, 4096, 32)) == accepted);
  CHECK(client.last.fds.empty());
  CHECK((told_region(client).flags & VFIO_REGION_INFO_FLAG_MMAP) == 0);
  REQUIRE(client.ask(Command::device_get_region_io_fds, bytes_of(RegionIoFds{4096, 0, 0, 0})) ==
          accepted);
  CHECK(client.last.fds.empty());
  CHECK(head<RegionIoFds>(client.last.payload)->count == 0);
  REQUIRE(client.ask(Command::dma_map, dma_map(32, both, 0, place, page_size)) == accepted);
  REQUIRE(client.ask(Command::region_write, write_of(TestFunction::address, place)) == accepted);
  REQUIRE(client.ask(Command::region_write, write_of(TestFunction::fetch, 8)) == accepted);
  REQUIRE(client.ask(Command::region_read, access(TestFunction::result.offset, 0, 4)) == accepted);
  CHECK(client.last.header.command == static_cast<std::uint16_t>(Command::region_read));
  CHECK(head<std::uint32_t>(std::span(client.last.payload).subspan(16)) == unsigned{EFAULT});
}
