// SPDX-License-Identifier: BSD-3-Clause
//
// A virtio device as a PCI function, driven by its registers as a driver does it, without a
// transport. Sources: virtio 1.2, sections 3.1.1 and 4.1.
#include "vdev/virtio/pci_function.hpp"

#include <doctest/doctest.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "vdev/testing/holding_device.hpp"
#include "vdev/testing/loop.hpp"
#include "vdev/testing/virtqueue_pair.hpp"

using namespace bellwire;
using namespace bellwire::testing;
using virtio::PciFunction;

namespace {

constexpr std::uint64_t isr_at = 0x1000;
constexpr std::uint64_t device_at = 0x2000;
constexpr std::uint64_t notify_at = 0x3000;
constexpr std::uint8_t ready = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
                               VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;
constexpr std::uint8_t agreed = ready & ~VIRTIO_CONFIG_S_DRIVER_OK;

// A guest's driver with one queue in its memory.
struct PciGuest : Loop {
  explicit PciGuest(bool packs = false, bool messages = true) : packed(packs) {
    function->memory()
        .add({.address = GuestMemory::base, .size = 1 << 20, .memory = memory_view})
        .value();
    if (!messages) return;
    for (unsigned vector = 0; vector < 3; ++vector)
      function->interrupts().connect(pci::InterruptKind::msix, vector,
                                     calls[vector].duplicate().value());
  }

  std::uint64_t read(std::uint64_t offset, unsigned size) {
    return function->bars()[0].registers->read(offset, size);
  }
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) {
    function->bars()[0].registers->write(offset, size, value);
  }
  std::uint8_t status() { return static_cast<std::uint8_t>(read(VIRTIO_PCI_COMMON_STATUS, 1)); }
  void set_status(unsigned status) { write(VIRTIO_PCI_COMMON_STATUS, 1, status); }

  std::uint64_t offered() {
    std::uint64_t features = 0;
    for (unsigned half = 0; half < 2; ++half) {
      write(VIRTIO_PCI_COMMON_DFSELECT, 4, half);
      features |= read(VIRTIO_PCI_COMMON_DF, 4) << (32 * half);
    }
    return features;
  }
  void accept(std::uint64_t features) {
    for (unsigned half = 0; half < 2; ++half) {
      write(VIRTIO_PCI_COMMON_GFSELECT, 4, half);
      write(VIRTIO_PCI_COMMON_GF, 4, features >> (32 * half) & 0xFFFFFFFF);
    }
    set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE);
    set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    set_status(agreed);
  }
  // All that the layout of this guest has.
  std::uint64_t wanted() {
    const auto packing = virtio::feature(VIRTIO_F_RING_PACKED);
    return packed ? offered() : offered() & ~packing;
  }

  void place_queue(unsigned index, std::uint16_t vector) {
    layout = VirtqueuePair::placed(
        {.size = 16, .packed = packed, .event_index = true, .indirect = true});
    driver.emplace(virtio::DriverVirtqueue::create(layout, {}, function->memory()).value());
    write(VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
    write(VIRTIO_PCI_COMMON_Q_SIZE, 2, layout.size);
    write(VIRTIO_PCI_COMMON_Q_MSIX, 2, vector);
    const std::uint64_t addresses[] = {layout.descriptors, layout.driver_area, layout.device_area};
    for (unsigned area = 0; area < 3; ++area) {
      write(VIRTIO_PCI_COMMON_Q_DESCLO + 8 * area, 4, addresses[area] & 0xFFFFFFFF);
      write(VIRTIO_PCI_COMMON_Q_DESCHI + 8 * area, 4, addresses[area] >> 32);
    }
    write(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
  }
  void bring_up() {
    accept(wanted());
    write(VIRTIO_PCI_COMMON_MSIX, 2, 0);
    place_queue(0, 1);
    set_status(ready);
  }

  void submit(std::uint64_t token) {
    const virtio::GuestBuffer buffer{GuestMemory::base + 0x8000, 8};
    REQUIRE(driver->add({}, {&buffer, 1}, token));
    driver->publish();
    if (driver->should_kick()) write(notify_at, 2, 0);
  }
  bool comes_back(std::uint64_t token) {
    std::optional<virtio::UsedChain> used;
    return run_until([&] { return (used = driver->poll_used()).has_value(); }) &&
           used->token == token;
  }

  const bool packed;
  HoldingDevice device;
  std::vector<os::EventFd> calls = make_calls();
  MemoryView memory_view = GuestMemory::create(1 << 20);
  std::unique_ptr<PciFunction> function = PciFunction::create(context, device).value();
  virtio::QueueLayout layout;
  std::optional<virtio::DriverVirtqueue> driver;

 private:
  static std::vector<os::EventFd> make_calls() {
    std::vector<os::EventFd> made;
    for (unsigned vector = 0; vector < 3; ++vector) made.push_back(os::EventFd::create().value());
    return made;
  }
};

std::vector<unsigned> capability_types(const pci::ConfigSpace& config) {
  std::vector<unsigned> types;
  for (std::size_t at = config.load(pci::header::capabilities); at != 0;
       at = config.load<std::uint8_t>(at + 1))
    if (config.load<std::uint8_t>(at) == 9) types.push_back(config.load<std::uint8_t>(at + 3));
  return types;
}

std::size_t find_window(const pci::ConfigSpace& config) {
  std::size_t at = config.load(pci::header::capabilities);
  while (config.load<std::uint8_t>(at) != 9 ||
         config.load<std::uint8_t>(at + 3) != VIRTIO_PCI_CAP_PCI_CFG)
    at = config.load<std::uint8_t>(at + 1);
  return at;
}

}  // namespace

TEST_CASE("the config space has what a modern driver looks for") {
  PciGuest guest;
  const auto& config = guest.function->config();
  CHECK(config.load(pci::header::vendor) == 0x1AF4);
  CHECK(config.load(pci::header::device) == 0x1040 + VIRTIO_ID_RNG);
  CHECK(capability_types(config) ==
        std::vector<unsigned>{VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_CAP_NOTIFY_CFG,
                              VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_PCI_CAP_DEVICE_CFG,
                              VIRTIO_PCI_CAP_PCI_CFG});
  CHECK(guest.function->bars()[0].doorbells.size() == 2);
  CHECK(guest.function->bars()[0].doorbells[1].offset == notify_at + 4);
}

TEST_CASE_TEMPLATE("a driver brings the device up, and its requests are answered", Layout, Split,
                   Packed) {
  PciGuest guest(Layout::packed);
  guest.device.at_once = true;
  guest.bring_up();
  CHECK(guest.status() == ready);
  for (std::uint64_t token = 1; token <= 40; ++token) {
    guest.submit(token);
    CHECK(guest.comes_back(token));
    CHECK(guest.driver->enable_calls());
  }
  CHECK(guest.run_until([&] { return guest.calls[1].drain().value_or(0) > 0; }));
  CHECK(guest.calls[0].drain().value_or(0) == 0);
  CHECK(guest.read(isr_at, 1) == 0);  // it uses MSI-X
}

TEST_CASE("nothing is taken before the driver is ready, and no kick is lost") {
  PciGuest guest;
  guest.device.at_once = true;
  guest.accept(guest.wanted());
  guest.place_queue(0, 1);
  guest.submit(7);
  guest.run();
  CHECK(guest.device.handled == 0);
  guest.set_status(ready);
  CHECK(guest.comes_back(7));
}

TEST_CASE("features are agreed on in halves; wrong ones are refused") {
  PciGuest guest;
  CHECK((guest.offered() & virtio::feature(VIRTIO_F_VERSION_1)) != 0);
  CHECK((guest.offered() & virtio::feature(5)) != 0);
  guest.write(VIRTIO_PCI_COMMON_DFSELECT, 4, 2);
  CHECK(guest.read(VIRTIO_PCI_COMMON_DF, 4) == 0);
  SUBCASE("without VERSION_1") {
    guest.accept(guest.offered() & ~virtio::feature(VIRTIO_F_VERSION_1));
    CHECK((guest.status() & VIRTIO_CONFIG_S_FEATURES_OK) == 0);
  }
  SUBCASE("one that was not offered") {
    guest.accept(guest.offered() | virtio::feature(6));
    CHECK((guest.status() & VIRTIO_CONFIG_S_FEATURES_OK) == 0);
  }
  SUBCASE("good ones, which stay as they are") {
    const auto features = guest.wanted();
    guest.accept(features);
    CHECK((guest.status() & VIRTIO_CONFIG_S_FEATURES_OK) != 0);
    guest.write(VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
    guest.write(VIRTIO_PCI_COMMON_GF, 4, 0);
    CHECK(guest.read(VIRTIO_PCI_COMMON_GF, 4) == (features & 0xFFFFFFFF));
  }
}

TEST_CASE("a queue that there is not has size 0, and its writes do nothing") {
  PciGuest guest;
  CHECK(guest.read(VIRTIO_PCI_COMMON_NUMQ, 2) == 2);
  CHECK(guest.read(VIRTIO_PCI_COMMON_Q_SIZE, 2) == 256);
  guest.write(VIRTIO_PCI_COMMON_Q_SELECT, 2, 2);
  CHECK(guest.read(VIRTIO_PCI_COMMON_Q_SIZE, 2) == 0);
  guest.write(VIRTIO_PCI_COMMON_Q_SIZE, 2, 16);
  guest.write(VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0x1000);
  guest.write(VIRTIO_PCI_COMMON_Q_MSIX, 2, 1);
  guest.write(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
  CHECK(guest.read(VIRTIO_PCI_COMMON_Q_SIZE, 2) == 0);
  CHECK(guest.read(VIRTIO_PCI_COMMON_Q_DESCLO, 4) == 0);
  CHECK(guest.read(VIRTIO_PCI_COMMON_Q_MSIX, 2) == 0xFFFF);
  CHECK(guest.read(VIRTIO_PCI_COMMON_Q_ENABLE, 2) == 0);
  guest.write(notify_at + 8, 2, 2);
  CHECK(guest.status() == 0);
}

TEST_CASE("queues keep what is written of each, within the limits") {
  PciGuest guest;
  for (unsigned index = 0; index < 2; ++index) {
    guest.write(VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
    guest.write(VIRTIO_PCI_COMMON_Q_SIZE, 2, 64U << index);
    guest.write(VIRTIO_PCI_COMMON_Q_USEDHI, 4, index + 1);
    CHECK(guest.read(VIRTIO_PCI_COMMON_Q_NOFF, 2) == index);
  }
  guest.write(VIRTIO_PCI_COMMON_Q_SIZE, 2, 512);  // more than there may be
  guest.write(VIRTIO_PCI_COMMON_Q_SIZE, 2, 0);
  for (unsigned index = 0; index < 2; ++index) {
    guest.write(VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
    CHECK(guest.read(VIRTIO_PCI_COMMON_Q_SIZE, 2) == 64U << index);
    CHECK(guest.read(VIRTIO_PCI_COMMON_Q_USEDHI, 4) == index + 1);
  }
  guest.write(VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
  CHECK(guest.read(VIRTIO_PCI_COMMON_Q_MSIX, 2) == 2);
  guest.write(VIRTIO_PCI_COMMON_Q_MSIX, 2, 3);  // there is none
  CHECK(guest.read(VIRTIO_PCI_COMMON_Q_MSIX, 2) == 0xFFFF);
  guest.write(VIRTIO_PCI_COMMON_MSIX, 2, 3);
  CHECK(guest.read(VIRTIO_PCI_COMMON_MSIX, 2) == 0xFFFF);
}

TEST_CASE("a reset ends what is in flight, and everything is as at first") {
  PciGuest guest;
  guest.bring_up();
  guest.submit(1);
  REQUIRE(guest.run_until([&] { return guest.device.held.size() == 1; }));
  guest.set_status(0);
  REQUIRE(guest.run_until([&] { return guest.status() == 0; }));
  CHECK(guest.device.cancels > 0);
  CHECK(guest.device.stops == 1);
  CHECK(guest.read(VIRTIO_PCI_COMMON_Q_ENABLE, 2) == 0);
  CHECK(guest.read(VIRTIO_PCI_COMMON_Q_SIZE, 2) == 256);
  CHECK(guest.read(VIRTIO_PCI_COMMON_MSIX, 2) == 0xFFFF);
  guest.device.at_once = true;
  guest.bring_up();
  guest.submit(2);
  CHECK(guest.comes_back(2));
}

TEST_CASE("a reset of the function does the same at once, and so does a client that leaves") {
  PciGuest guest;
  guest.bring_up();
  guest.submit(1);
  REQUIRE(guest.run_until([&] { return guest.device.held.size() == 1; }));
  SUBCASE("a reset") {
    guest.function->reset();
  }
  SUBCASE("a client that leaves") {
    guest.function->client_gone();
  }
  CHECK(guest.status() == 0);
  CHECK(guest.device.held.empty());
  CHECK(guest.device.stops == 1);
}

TEST_CASE("a queue that breaks asks for a reset, by a configuration change") {
  PciGuest guest;
  guest.device.at_once = true;
  guest.bring_up();
  auto* const available = reinterpret_cast<vring_avail*>(
      guest.memory_view.bytes().data() + (guest.layout.driver_area - GuestMemory::base));
  available->idx = 1000;
  guest.write(notify_at, 2, 0);
  CHECK(guest.run_until([&] { return (guest.status() & VIRTIO_CONFIG_S_NEEDS_RESET) != 0; }));
  CHECK(guest.calls[0].drain().value_or(0) == 1);
  guest.set_status(0);
  REQUIRE(guest.run_until([&] { return guest.status() == 0; }));
  guest.bring_up();
  guest.submit(2);
  CHECK(guest.comes_back(2));
}

TEST_CASE("a queue at an impossible place asks for a reset") {
  PciGuest guest;
  guest.accept(guest.wanted());
  guest.write(VIRTIO_PCI_COMMON_Q_DESCLO, 4, GuestMemory::base + 1);
  guest.write(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
  CHECK((guest.status() & VIRTIO_CONFIG_S_NEEDS_RESET) != 0);
  guest.set_status(VIRTIO_CONFIG_S_NEEDS_RESET | agreed);  // the device's bit
  guest.set_status(0);
  CHECK(guest.run_until([&] { return guest.status() == 0; }));
}

TEST_CASE("a device that can't be started asks for a reset") {
  PciGuest guest;
  guest.device.refuses = true;
  guest.bring_up();
  CHECK((guest.status() & VIRTIO_CONFIG_S_NEEDS_RESET) != 0);
}

TEST_CASE("a change of the configuration is told, and changes its generation") {
  PciGuest guest;
  guest.bring_up();
  const auto before = guest.read(VIRTIO_PCI_COMMON_CFGGENERATION, 1);
  REQUIRE(guest.device.session.has_value());
  guest.device.session->config.notify();
  CHECK(guest.run_until([&] { return guest.calls[0].drain().value_or(0) == 1; }));
  CHECK(guest.read(VIRTIO_PCI_COMMON_CFGGENERATION, 1) != before);
}

TEST_CASE("without MSI-X, the ISR status says why the line is raised, and lowers it") {
  PciGuest guest(false, false);
  guest.device.at_once = true;
  guest.accept(guest.wanted());
  guest.place_queue(0, 0xFFFF);
  guest.set_status(ready);
  guest.submit(1);
  CHECK(guest.comes_back(1));
  CHECK(guest.run_until([&] { return guest.function->interrupts().intx_asserted(); }));
  CHECK(guest.read(isr_at, 1) == 1);
  CHECK_FALSE(guest.function->interrupts().intx_asserted());
  CHECK(guest.read(isr_at, 1) == 0);
  guest.device.session->config.notify();
  CHECK(guest.run_until([&] { return guest.function->interrupts().intx_asserted(); }));
  CHECK(guest.read(isr_at, 1) == 2);
}

TEST_CASE("a queue's vector may change while it runs") {
  PciGuest guest;
  guest.device.at_once = true;
  guest.bring_up();
  guest.write(VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
  guest.submit(1);
  CHECK(guest.comes_back(1));
  CHECK(guest.run_until([&] { return guest.calls[2].drain().value_or(0) > 0; }));
}

TEST_CASE("firmware reaches the registers through the config space") {
  PciGuest guest;
  const auto at = find_window(guest.function->config());
  const auto set = [&](std::size_t offset, std::uint32_t value) {
    guest.function->write_config(at + offset, std::as_bytes(std::span(&value, 1)));
  };
  const auto data = [&] {
    std::uint32_t value = 0;
    guest.function->read_config(at + 16, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  };
  set(8, VIRTIO_PCI_COMMON_NUMQ);
  set(12, 2);
  CHECK(data() == 2);
  set(8, VIRTIO_PCI_COMMON_Q_SELECT);
  set(16, 1);
  CHECK(guest.read(VIRTIO_PCI_COMMON_Q_SELECT, 2) == 1);
  set(8, 16384);  // behind the BAR
  set(16, 0);
  set(8, VIRTIO_PCI_COMMON_Q_SELECT);
  set(12, 3);  // no width
  set(16, 0);
  CHECK(guest.read(VIRTIO_PCI_COMMON_Q_SELECT, 2) == 1);
}

TEST_CASE("registers of other widths, and those that do not exist, read as zero") {
  PciGuest guest;
  CHECK(guest.read(VIRTIO_PCI_COMMON_NUMQ, 4) == 0);
  CHECK(guest.read(0x800, 4) == 0);
  CHECK(guest.read(notify_at, 4) == 0);
  CHECK(guest.read(device_at, 4) == 0);
  CHECK(guest.read(device_at + 100, 4) == 0);
  guest.write(0x800, 4, 1);
  guest.write(device_at, 4, 1);
  CHECK(guest.status() == 0);
}
