// SPDX-License-Identifier: BSD-3-Clause
//
// Every command with every kind of malformed message: it gets EINVAL, or the connection is closed
// where the stream can't be trusted. Meanwhile another device in the process answers, and in the
// end nobody has lost or gained a descriptor.
#include <doctest/doctest.h>

#include "vdev/transport/vfio_user/client.hpp"
#include "vdev/transport/vfio_user/raw_client.hpp"
#include "vdev/transport/vfio_user/served.hpp"

using namespace bellwire;
using namespace bellwire::vfio_user;

namespace {

constexpr std::uint64_t page = 4096;
constexpr std::uint32_t both = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
constexpr std::uint32_t msix = VFIO_PCI_MSIX_IRQ_INDEX;
constexpr std::uint32_t fd_trigger = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
constexpr std::uint32_t none_trigger = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
constexpr std::uint32_t bool_trigger = VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER;
constexpr std::uint64_t last_address = ~std::uint64_t{0};

Bytes region_info(std::uint32_t argsz, std::uint32_t index, std::uint32_t flag = 0) {
  vfio_region_info info{};
  info.argsz = argsz;
  info.index = index;
  info.flags = flag;
  return bytes_of(info);
}

Bytes irq_info(std::uint32_t argsz, std::uint32_t index, std::uint32_t count = 0) {
  return bytes_of(vfio_irq_info{argsz, 0, index, count});
}

Bytes irq_set(std::uint32_t flag, std::uint32_t index, std::uint32_t start, std::uint32_t count) {
  return bytes_of(IrqSet{sizeof(IrqSet), flag, index, start, count});
}

Bytes dma_map(std::uint32_t argsz, std::uint32_t flag, std::uint64_t offset, std::uint64_t address,
              std::uint64_t size) {
  return bytes_of(DmaMap{argsz, flag, offset, address, size});
}

Bytes access(std::uint64_t offset, std::uint32_t region, std::uint32_t count,
             std::size_t data = 0) {
  return bytes_of(RegionAccess{offset, region, count}) + Bytes(data);
}

Bytes multi(std::uint64_t count, const std::vector<SmallWrite>& writes) {
  auto payload = bytes_of(WriteMulti{count});
  append(payload, std::as_bytes(std::span(writes)));
  return payload;
}

Bytes version(std::uint16_t major, std::string_view text) {
  auto payload = bytes_of(Version{major, 0});
  append(payload, std::as_bytes(std::span(text)));
  return payload;
}

// What each command looks like when it is right, with the descriptors that come along, and what
// comes of it.
struct Sound {
  Command command;
  Bytes payload;
  std::size_t fds = 0;
  bool sized = true;  // no other size is right
  int outcome = accepted;
};

const Sound sound[] = {
    {Command::dma_map, dma_map(32, both, 0, 0, page), 1},
    {Command::dma_unmap, bytes_of(DmaUnmap{24, 0, 0, page})},
    {Command::device_get_info, bytes_of(DeviceInfo{16, 0, 0, 0})},
    {Command::device_get_region_info, region_info(32, 0)},
    {Command::device_get_region_io_fds, bytes_of(RegionIoFds{16, 0, 0, 0})},
    {Command::device_get_irq_info, irq_info(16, msix)},
    {Command::device_set_irqs, irq_set(fd_trigger, msix, 0, 2), 2},
    {Command::device_set_irqs, irq_set(bool_trigger, msix, 0, 2) + Bytes(2)},
    {Command::device_set_irqs, irq_set(none_trigger, msix, 0, 0)},
    {Command::region_read, access(0, 0, 4)},
    {Command::region_write, access(0, 0, 4, 4)},
    {Command::region_write_multi, multi(2, {{{0, 0, 4}, {}}, {{4, 0, 4}, {}}})},
    {Command::device_reset, {}},
    {Command::dirty_pages, Bytes(8), 0, false, ENOTSUP},
    {Command::device_feature, Bytes(8), 0, false, ENOTSUP},
    {Command::mig_data_read, Bytes(8), 0, false, ENOTSUP},
    {Command::mig_data_write, Bytes(8), 0, false, ENOTSUP},
};

// What is wrong with a field of one command only. All of them come to a device with 4 MSI-X
// vectors whose guest has memory at 16 pages, 4 pages of it.
struct Unsound {
  const char* what;
  Command command;
  Bytes payload;
  std::size_t fds = 0;
  int outcome = EINVAL;
};

const Unsound unsound[] = {
    {"argsz", Command::dma_map, dma_map(31, both, 0, 0, page)},
    {"no flag", Command::dma_map, dma_map(32, 0, 0, 0, page)},
    {"an unknown flag", Command::dma_map, dma_map(32, both | 4, 0, 0, page)},
    {"no size", Command::dma_map, dma_map(32, both, 0, 0, 0)},
    {"half a page", Command::dma_map, dma_map(32, both, 0, 0, page / 2)},
    {"not at a page", Command::dma_map, dma_map(32, both, 0, 8, page)},
    {"around the end", Command::dma_map, dma_map(32, both, 0, last_address - page + 1, 2 * page)},
    {"behind the file's end", Command::dma_map, dma_map(32, both, 0, 0, 1024 * page), 1},
    {"an offset behind it", Command::dma_map, dma_map(32, both, 1024 * page, 0, page), 1},
    {"an offset that wraps", Command::dma_map, dma_map(32, both, last_address & ~4095, 0, page), 1},
    {"an offset in a page", Command::dma_map, dma_map(32, both, 8, 0, page), 1},
    {"memory twice", Command::dma_map, dma_map(32, both, 0, 16 * page, page), 0, EEXIST},
    {"memory over", Command::dma_map, dma_map(32, both, 0, 15 * page, 9 * page), 0, EEXIST},
    {"argsz", Command::dma_unmap, bytes_of(DmaUnmap{23, 0, 16 * page, 4 * page})},
    {"an unknown flag", Command::dma_unmap, bytes_of(DmaUnmap{24, 4, 16 * page, 4 * page})},
    {"dirty pages", Command::dma_unmap, bytes_of(DmaUnmap{24, 1, 16 * page, 4 * page}), 0, ENOTSUP},
    {"all, and an address", Command::dma_unmap, bytes_of(DmaUnmap{24, 2, 16 * page, 4 * page})},
    {"another size", Command::dma_unmap, bytes_of(DmaUnmap{24, 0, 16 * page, page}), 0, ENOENT},
    {"another place", Command::dma_unmap, bytes_of(DmaUnmap{24, 0, 17 * page, page}), 0, ENOENT},
    {"argsz", Command::device_get_info, bytes_of(DeviceInfo{15, 0, 0, 0})},
    {"a flag", Command::device_get_info, bytes_of(DeviceInfo{16, 1, 0, 0})},
    {"a field", Command::device_get_info, bytes_of(DeviceInfo{16, 0, 0, 1})},
    {"argsz", Command::device_get_region_info, region_info(31, 0)},
    {"index", Command::device_get_region_info, region_info(32, 9)},
    {"index", Command::device_get_region_info, region_info(32, ~0U)},
    {"a flag", Command::device_get_region_info, region_info(32, 0, 1)},
    {"argsz", Command::device_get_region_io_fds, bytes_of(RegionIoFds{15, 0, 0, 0})},
    {"index", Command::device_get_region_io_fds, bytes_of(RegionIoFds{16, 0, 9, 0})},
    {"count", Command::device_get_region_io_fds, bytes_of(RegionIoFds{16, 0, 0, 1})},
    {"argsz", Command::device_get_irq_info, irq_info(15, msix)},
    {"index", Command::device_get_irq_info, irq_info(16, 5)},
    {"count", Command::device_get_irq_info, irq_info(16, msix, 1)},
    {"argsz", Command::device_set_irqs, bytes_of(IrqSet{19, none_trigger, msix, 0, 1})},
    {"index", Command::device_set_irqs, irq_set(none_trigger, 5, 0, 1)},
    {"an index without any", Command::device_set_irqs, irq_set(none_trigger, 3, 0, 1)},
    {"start", Command::device_set_irqs, irq_set(none_trigger, msix, 4, 1)},
    {"count", Command::device_set_irqs, irq_set(none_trigger, msix, 0, 5)},
    {"count that wraps", Command::device_set_irqs, irq_set(none_trigger, msix, 3, ~0U)},
    {"count 0 from 1 on", Command::device_set_irqs, irq_set(none_trigger, msix, 1, 0)},
    {"count 0 of eventfds", Command::device_set_irqs, irq_set(fd_trigger, msix, 0, 0)},
    {"no data kind", Command::device_set_irqs, irq_set(VFIO_IRQ_SET_ACTION_TRIGGER, msix, 0, 1)},
    {"two data kinds", Command::device_set_irqs, irq_set(fd_trigger | 1, msix, 0, 1)},
    {"no action", Command::device_set_irqs, irq_set(VFIO_IRQ_SET_DATA_NONE, msix, 0, 1)},
    {"two actions", Command::device_set_irqs,
     irq_set(none_trigger | VFIO_IRQ_SET_ACTION_MASK, msix, 0, 1)},
    {"an unknown flag", Command::device_set_irqs, irq_set(none_trigger | 64, msix, 0, 1)},
    {"too few bools", Command::device_set_irqs, irq_set(bool_trigger, msix, 0, 2) + Bytes(1)},
    {"data with none", Command::device_set_irqs, irq_set(none_trigger, msix, 0, 1) + Bytes(1)},
    {"too few eventfds", Command::device_set_irqs, irq_set(fd_trigger, msix, 0, 2), 1},
    {"too many eventfds", Command::device_set_irqs, irq_set(fd_trigger, msix, 0, 1), 2},
    {"eventfds with none", Command::device_set_irqs, irq_set(none_trigger, msix, 0, 1), 1},
    {"eventfds that mask", Command::device_set_irqs,
     irq_set(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_MASK, msix, 0, 1), 1, ENOTSUP},
    {"no bytes", Command::region_read, access(0, 0, 0)},
    {"count", Command::region_read, access(0, 0, 4097)},
    {"count", Command::region_read, access(0, 0, ~0U)},
    {"offset", Command::region_read, access(4096, 0, 1)},
    {"offset that wraps", Command::region_read, access(last_address, 0, 2)},
    {"a region that is none", Command::region_read, access(0, 3, 1)},
    {"region", Command::region_read, access(0, ~0U, 1)},
    {"config space's end", Command::region_read, access(4092, VFIO_PCI_CONFIG_REGION_INDEX, 8)},
    {"no bytes", Command::region_write, access(0, 0, 0)},
    {"fewer bytes than count", Command::region_write, access(0, 0, 8, 4)},
    {"more bytes than count", Command::region_write, access(0, 0, 4, 8)},
    {"offset", Command::region_write, access(4094, 0, 4, 4)},
    {"region", Command::region_write, access(0, 9, 4, 4)},
    {"config space's end", Command::region_write, access(4096, VFIO_PCI_CONFIG_REGION_INDEX, 4, 4)},
    {"none", Command::region_write_multi, multi(0, {})},
    {"fewer than count", Command::region_write_multi, multi(2, {{{0, 0, 4}, {}}})},
    {"more than count", Command::region_write_multi, multi(1, {{{0, 0, 4}, {}}, {{0, 0, 4}, {}}})},
    {"a count that wraps", Command::region_write_multi,
     multi(std::uint64_t{1} << 61, {{{0, 0, 4}, {}}})},
    {"9 bytes", Command::region_write_multi, multi(1, {{{0, 0, 9}, {}}})},
    {"one of them outside", Command::region_write_multi,
     multi(2, {{{TestFunction::narrow.offset, 0, 1}, {}}, {{4096, 0, 4}, {}}})},
    {"a command of ours", Command::dma_read, bytes_of(DmaAccess{0, 4})},
    {"a command of ours", Command::dma_write, bytes_of(DmaAccess{0, 4}) + Bytes(4)},
    {"no command", static_cast<Command>(0), {}},
    {"no command", static_cast<Command>(19), Bytes(64)},
    {"no command", static_cast<Command>(0xFFFF), {}, 3},
};

const char* const bad_version_data[] = {"",
                                        "x",
                                        "{",
                                        "[]",
                                        "{}}",
                                        "{\"capabilities\":3}",
                                        "{\"capabilities\":{\"max_msg_fds\":-1}}",
                                        "{\"capabilities\":{\"max_msg_fds\":\"8\"}}",
                                        "{\"capabilities\":{\"max_data_xfer_size\":1}}",
                                        "{\"capabilities\":{\"write_multiple\":1}}",
                                        "[[[[[[[[[[[[[[[[[[[["};

// The device under attack, its neighbour with an honest client, and things to send.
struct Scene {
  Served<2> served;
  Client neighbour = Client::connect(served.path(1)).value();
  std::vector<os::EventFd> events = os::create_events(17).value();
  os::UniqueFd memory = os::create_memfd("guest", 16 * page).value();

  [[nodiscard]] RawClient attacker() const { return RawClient(served.path(0)); }
  [[nodiscard]] std::vector<int> fds(Command command, std::size_t count) const {
    std::vector<int> list;
    for (std::size_t index = 0; index < count; ++index)
      list.push_back(command == Command::dma_map ? memory.get() : events[index].fd());
    return list;
  }
  // With an honest client in the attacker's place, so that whoever was there before has gone.
  [[nodiscard]] std::ptrdiff_t settled_fds() const {
    auto client = attacker();
    client.agree();
    return open_fds();
  }
  void check_neighbour() {
    CHECK(neighbour.store<std::uint32_t>(0, 0, 77).has_value());
    CHECK(neighbour.load<std::uint32_t>(0, 0).value() == 77);
  }
};

}  // namespace

TEST_CASE("sound messages are accepted, so that what follows is about what is wrong") {
  Scene scene;
  auto client = scene.attacker();
  client.agree();
  for (const auto& [command, payload, fds, sized, outcome] : sound) {
    CAPTURE(static_cast<int>(command));
    CHECK(client.ask(command, payload, scene.fds(command, fds)) == outcome);
  }
}

TEST_CASE("a payload of another size") {
  Scene scene;
  auto client = scene.attacker();
  client.agree();
  const auto before = open_fds();
  for (const auto& [command, payload, fds, sized, outcome] : sound) {
    if (!sized) continue;
    CAPTURE(static_cast<int>(command));
    for (std::size_t size = 0; size < payload.size(); ++size)
      CHECK(client.ask(command, Bytes(payload.begin(), payload.begin() + static_cast<long>(size)),
                       scene.fds(command, fds)) == EINVAL);
    CHECK(client.ask(command, payload + Bytes(1), scene.fds(command, fds)) == EINVAL);
    CHECK(client.ask(command, payload + Bytes(5000), scene.fds(command, fds)) == EINVAL);
    scene.check_neighbour();
  }
  CHECK(open_fds() == before);
}

TEST_CASE("flags that are unknown, or of a reply") {
  Scene scene;
  auto client = scene.attacker();
  client.agree();
  const auto before = open_fds();
  for (const auto& [command, payload, fds, sized, outcome] : sound)
    for (const auto flag : {flags::error, std::uint32_t{1} << 6, std::uint32_t{1} << 31}) {
      CAPTURE(static_cast<int>(command));
      client.say(command_header(command, 7, flag), payload, scene.fds(command, fds));
      CHECK(client.outcome() == EINVAL);
      CHECK(client.last.header.id == 7);
      CHECK(client.last.payload.empty());
    }
  scene.check_neighbour();
  CHECK(open_fds() == before);
}

TEST_CASE("descriptors that a command doesn't take") {
  Scene scene;
  auto client = scene.attacker();
  client.agree();
  const auto before = open_fds();
  for (const auto& [command, payload, fds, sized, outcome] : sound)
    for (const std::size_t count : {1, 2, 3, 17}) {
      if (count == fds) continue;
      CAPTURE(static_cast<int>(command));
      CHECK(client.ask(command, payload, scene.fds(command, count)) == EINVAL);
    }
  scene.check_neighbour();
  CHECK(open_fds() == before);
}

TEST_CASE("descriptors of another kind") {
  Scene scene;
  auto client = scene.attacker();
  client.agree();
  const auto before = open_fds();
  CHECK(client.ask(Command::device_set_irqs, irq_set(fd_trigger, msix, 0, 2),
                   {scene.events[0].fd(), scene.memory.get()}) == EINVAL);
  CHECK(client.ask(Command::dma_map, dma_map(32, both, 0, 0, page), {scene.events[0].fd()}) ==
        EINVAL);
  CHECK(open_fds() == before);
}

TEST_CASE("fields that make no sense") {
  Scene scene;
  auto client = scene.attacker();
  client.agree();
  REQUIRE(client.ask(Command::dma_map, dma_map(32, both, 0, 16 * page, 4 * page)) == accepted);
  const auto before = open_fds();
  for (const auto& [what, command, payload, fds, outcome] : unsound) {
    CAPTURE(static_cast<int>(command));
    CAPTURE(what);
    CHECK(client.ask(command, payload, scene.fds(command, fds)) == outcome);
    scene.check_neighbour();
  }
  CHECK(open_fds() == before);
  // Nothing was done: the bundle with a bad write in it did not do its good one.
  REQUIRE(client.ask(Command::region_read, access(TestFunction::narrow.offset, 0, 1)) == accepted);
  CHECK(client.last.payload.back() == std::byte{0});
  CHECK(scene.served.with([](auto& function) { return function.memory().regions(); }) == 1);
}

TEST_CASE("malformed commands without a reply stay without one") {
  Scene scene;
  auto client = scene.attacker();
  client.agree();
  for (const auto& [what, command, payload, fds, outcome] : unsound)
    client.say(command_header(command, 9, flags::no_reply), payload, scene.fds(command, fds));
  client.say(command_header(Command::device_reset, 10), {});
  CHECK(client.outcome() == accepted);
  CHECK(client.last.header.id == 10);
}

TEST_CASE("any command before the version, and the version for a second time") {
  Scene scene;
  const auto before = scene.settled_fds();
  auto client = scene.attacker();
  for (const auto& [command, payload, fds, sized, outcome] : sound) {
    CAPTURE(static_cast<int>(command));
    CHECK(client.ask(command, payload, scene.fds(command, fds)) == EINVAL);
  }
  CHECK(open_fds() == before);
  client.agree();
  CHECK(client.ask(Command::version, write_version()) == EINVAL);
  CHECK(scene.served.clients() == 2);
}

TEST_CASE("versions that are not ours, and version data that is nonsense") {
  Scene scene;
  auto client = scene.attacker();
  CHECK(client.ask(Command::version, version(1, std::string_view("{}\0", 3))) == EINVAL);
  for (const auto* const text : bad_version_data) {
    CAPTURE(text);
    CHECK(client.ask(Command::version, version(0, std::string_view(text, strlen(text) + 1))) ==
          EINVAL);
  }
  CHECK(client.ask(Command::version, version(0, "{}")) == EINVAL);  // no NUL
  CHECK(client.ask(Command::version, version(0, std::string_view("{\0}\0", 4))) == EINVAL);
  CHECK(client.ask(Command::version, version(0, std::string(5000, ' '))) == EINVAL);
  CHECK(client.ask(Command::version, {}) == EINVAL);
  CHECK(client.ask(Command::version, write_version(), {scene.memory.get()}) == EINVAL);
  CHECK(client.ask(Command::version, version(0, "")) == accepted);  // the data is optional
}

TEST_CASE("headers that no message begins with end the connection") {
  Scene scene;
  const auto before = scene.settled_fds();
  const Header bad[] = {
      {1, 4, 0, 0, 0},    {1, 4, 15, 0, 0}, {1, 4, most_message + 1, 0, 0},
      {1, 4, ~0U, 0, 0},  {1, 4, 32, 2, 0},  // no request and no reply
      {1, 4, 32, 0xF, 0},                    // likewise
      {1, 4, 32, 1, 0},                      // a reply to nothing
      {1, 11, 32, 1, 0},                     // to a DMA_READ that was never sent
  };
  for (const auto& header : bad) {
    CAPTURE(header.size);
    CAPTURE(header.flags);
    auto client = scene.attacker();
    client.agree();
    client.say_bytes(bytes_of(header) + Bytes(16), scene.fds(Command::device_set_irqs, 3));
    CHECK(client.outcome() == closed);
    scene.check_neighbour();
  }
  CHECK(scene.settled_fds() == before);
}

TEST_CASE("a message that is cut off by its sender's end, at every byte") {
  Scene scene;
  const auto whole = pack(command_header(Command::region_write, 1), access(0, 0, 4, 4));
  const auto before = scene.settled_fds();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    auto client = scene.attacker();
    client.agree();
    client.say_bytes(Bytes(whole.begin(), whole.begin() + static_cast<long>(size)),
                     scene.fds(Command::dma_map, 2));
  }
  scene.check_neighbour();
  CHECK(scene.settled_fds() == before);
}

TEST_CASE("a client that never reads its replies stalls nobody else") {
  Scene scene;
  auto client = scene.attacker();
  client.agree();
  const auto request = access(0, 1, 16384);
  for (int count = 0; count < 200; ++count)
    client.say(command_header(Command::region_read, 1), request);
  scene.check_neighbour();
  for (int count = 0; count < 200; ++count) REQUIRE(client.outcome() == accepted);
  CHECK(client.last.payload.size() == sizeof(RegionAccess) + 16384);
}

TEST_CASE("a client that leaves hundreds of messages behind makes room for the next at once") {
  Scene scene;
  const auto ring = access(TestFunction::narrow.offset, 0, 1, 1);
  for (int turn = 0; turn < 20; ++turn) {
    auto client = scene.attacker();
    client.agree();
    for (int count = 0; count < 200; ++count)
      client.say(command_header(Command::region_write, 1, flags::no_reply), ring);
  }
  auto next = Client::connect(scene.served.path(0)).value();
  CHECK(next.load<std::uint8_t>(0, TestFunction::narrow.offset).value() == 4000 % 256);
}
