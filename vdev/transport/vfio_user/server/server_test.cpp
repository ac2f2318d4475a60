// SPDX-License-Identifier: BSD-3-Clause
//
// A device on a socket, driven by the client: what a guest does, from config space to DMA.
#include "vdev/transport/vfio_user/server/server.hpp"

#include <doctest/doctest.h>

#include "vdev/testing/driver.hpp"
#include "vdev/testing/process.hpp"
#include "vdev/testing/vfio_user.hpp"
#include "vdev/transport/vfio_user/client/client.hpp"

using namespace bellwire;
using namespace bellwire::vfio_user;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t bar0 = VFIO_PCI_BAR0_REGION_INDEX;
constexpr std::uint32_t bar1 = VFIO_PCI_BAR1_REGION_INDEX;
constexpr std::uint32_t msix_bar = VFIO_PCI_BAR4_REGION_INDEX;
constexpr std::uint32_t config = VFIO_PCI_CONFIG_REGION_INDEX;
constexpr std::uint64_t guest_address = 0x100000;

Client connect(const ServedFunctions<>& served) {
  return Client::connect(served.path()).value();
}

template <class Register>
auto load(Client& client, Register reg) {
  return client.load<typename Register::Value>(bar0, reg.offset).value();
}

template <class Register>
void store(Client& client, Register reg, typename Register::Value value) {
  REQUIRE(client.store(bar0, reg.offset, value).has_value());
}

// Has the device do it, and waits until it has.
template <class Register>
std::uint32_t dma(Client& client, std::uint64_t address, Register direction, std::uint32_t size) {
  const auto before = load(client, TestFunction::finished);
  store(client, TestFunction::address, address);
  store(client, direction, size);
  while (load(client, TestFunction::finished) == before) std::this_thread::yield();
  return load(client, TestFunction::result);
}

Bytes pattern(std::size_t size, unsigned seed) {
  Bytes bytes(size);
  for (std::size_t at = 0; at < size; ++at)
    bytes[at] = static_cast<std::byte>((at * 131 + seed) >> (at % 5));
  return bytes;
}

// SET_IRQS with the client's own eventfd.
Result<Message> lead(Client& client, std::uint32_t index, std::uint32_t action,
                     const testing::PeerEvent& event) {
  const IrqSet request{sizeof(IrqSet), VFIO_IRQ_SET_DATA_EVENTFD | action, index, 0, 1};
  return client.ask(Command::device_set_irqs, std::as_bytes(std::span(&request, 1)), {event.fd()});
}

}  // namespace

TEST_CASE("a client learns what the device is") {
  const ServedFunctions<> served;
  auto client = connect(served);
  CHECK(client.server().max_msg_fds == 16);
  CHECK(client.server().max_data_xfer_size == 1 << 20);
  const auto info = client.info().value();
  CHECK(info.flags == (VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET));
  CHECK(info.num_regions == VFIO_PCI_NUM_REGIONS);
  CHECK(info.num_irqs == VFIO_PCI_NUM_IRQS);
  CHECK(client.region(bar0).value().size == 4096);
  CHECK(client.region(config).value().size == 4096);
  CHECK(client.region(VFIO_PCI_ROM_REGION_INDEX).value().size == 0);
  CHECK(client.irqs(VFIO_PCI_INTX_IRQ_INDEX).value().count == 1);
  CHECK(client.irqs(VFIO_PCI_MSI_IRQ_INDEX).value().count == 2);
  CHECK(client.irqs(VFIO_PCI_MSIX_IRQ_INDEX).value().count == TestFunction::vectors);
  CHECK(client.irqs(VFIO_PCI_ERR_IRQ_INDEX).value().count == 1);
  CHECK(client.irqs(VFIO_PCI_REQ_IRQ_INDEX).value().count == 1);
  CHECK(client.load<std::uint32_t>(config, 0).value() == 0x10F01AF4);
}

TEST_CASE("registers are read and written, posted writes and bundles too, in order") {
  const ServedFunctions<> served;
  auto client = connect(served);
  store(client, TestFunction::scratch, 7);
  CHECK(load(client, TestFunction::scratch) == 7);
  for (std::uint32_t value = 0; value < 500; ++value)
    REQUIRE(client.post(bar0, 0, std::as_bytes(std::span(&value, 1))).has_value());
  CHECK(load(client, TestFunction::scratch) == 499);
  std::vector<SmallWrite> writes(3, SmallWrite{{TestFunction::narrow.offset, bar0, 1}, {}});
  CHECK(client.write_multi(writes).has_value());
  CHECK(load(client, TestFunction::narrow) == 3);
  // A long access goes by aligned pieces: the byte register is met by none of them.
  Bytes all(4096);
  CHECK(client.read(bar0, 0, all).has_value());
  CHECK(head<std::uint32_t>(all) == 0);  // by 8 bytes: not the register of 4
}

TEST_CASE("a part of a BAR is memory that both sides see") {
  const ServedFunctions<> served;
  auto client = connect(served);
  const auto region = client.region(bar1).value();
  REQUIRE(region.fd.valid());
  REQUIRE(region.areas.size() == 2);
  CHECK(region.areas[0].offset == 8192);
  CHECK(region.areas[1].size == 4096);
  const auto mapping = os::Mapping::create(region.fd.get(), 4096, region.offset + 8192).value();
  mapping.data()[5] = std::byte{0x5A};
  CHECK(client.load<std::uint8_t>(bar1, 8192 + 5).value() == 0x5A);
  CHECK(client.store<std::uint8_t>(bar1, 8192 + 6, 0xA5).has_value());
  CHECK(mapping.data()[6] == std::byte{0xA5});
  CHECK(client.store<std::uint8_t>(bar1, 5, 1).has_value());
  CHECK(client.load<std::uint8_t>(bar1, 5).value() == 0);  // no memory there
}

TEST_CASE("a doorbell register can be had as an eventfd") {
  ServedFunctions<> served;
  auto client = connect(served);
  const auto doorbells = client.doorbells(bar0).value();
  REQUIRE(doorbells.size() == 1);
  CHECK(doorbells[0].place.offset == TestFunction::raise.offset);
  doorbells[0].event.ring();
  CHECK(served.with([](TestFunction& function) { return function.doorbell.drain(); }) == 1);
  CHECK(client.doorbells(bar1).value().empty());
}

TEST_CASE("MSI-X vectors arrive at their eventfds; masked ones are pending") {
  const ServedFunctions<> served;
  auto client = connect(served);
  const auto events = os::create_events(TestFunction::vectors).value();
  REQUIRE(client.connect_irqs(VFIO_PCI_MSIX_IRQ_INDEX, 0, events).has_value());
  store(client, TestFunction::raise, 2);
  CHECK(events[2].drain() == 1);
  CHECK_FALSE(events[1].drain());

  REQUIRE(client.act_on_irqs(VFIO_PCI_MSIX_IRQ_INDEX, 2, 1, VFIO_IRQ_SET_ACTION_MASK).has_value());
  store(client, TestFunction::raise, 2);
  store(client, TestFunction::raise, 2);
  CHECK_FALSE(events[2].drain());
  CHECK(client.load<std::uint64_t>(msix_bar, 2048).value() == 1U << 2);
  REQUIRE(
      client.act_on_irqs(VFIO_PCI_MSIX_IRQ_INDEX, 2, 1, VFIO_IRQ_SET_ACTION_UNMASK).has_value());
  CHECK(events[2].drain() == 1);
  CHECK(client.load<std::uint64_t>(msix_bar, 2048).value() == 0);

  REQUIRE(client.disconnect_irqs(VFIO_PCI_MSIX_IRQ_INDEX).has_value());
  store(client, TestFunction::raise, 2);
  CHECK_FALSE(events[2].drain());
}

TEST_CASE("INTx is signalled once, until it is unmasked") {
  const ServedFunctions<> served;
  auto client = connect(served);
  const auto events = os::create_events(1).value();
  REQUIRE(client.connect_irqs(VFIO_PCI_INTX_IRQ_INDEX, 0, events).has_value());
  store(client, TestFunction::level, 1);
  store(client, TestFunction::level, 1);
  CHECK(events[0].drain() == 1);
  const auto unmask = [&] {
    return client.act_on_irqs(VFIO_PCI_INTX_IRQ_INDEX, 0, 1, VFIO_IRQ_SET_ACTION_UNMASK);
  };
  REQUIRE(unmask().has_value());
  CHECK(events[0].drain() == 1);  // it is still asserted
  store(client, TestFunction::level, 0);
  REQUIRE(unmask().has_value());
  CHECK_FALSE(events[0].drain());
}

TEST_CASE("INTx can be unmasked by an eventfd, as KVM does at the end of an interrupt") {
  const ServedFunctions<> served;
  auto client = connect(served);
  const auto events = os::create_events(2).value();
  const auto bind = [&](std::uint32_t action, const os::EventFd& event) {
    const IrqSet request{sizeof(IrqSet), VFIO_IRQ_SET_DATA_EVENTFD | action,
                         VFIO_PCI_INTX_IRQ_INDEX, 0, 1};
    return client.ask(Command::device_set_irqs, std::as_bytes(std::span(&request, 1)),
                      {event.fd()});
  };
  REQUIRE(bind(VFIO_IRQ_SET_ACTION_TRIGGER, events[0]).has_value());
  REQUIRE(bind(VFIO_IRQ_SET_ACTION_UNMASK, events[1]).has_value());
  store(client, TestFunction::level, 1);
  for (int turn = 0; turn < 3; ++turn) {
    CHECK(events[0].wait(5s));
    CHECK(events[0].drain() == 1);
    events[1].ring();  // it is still asserted
  }
  CHECK(events[0].wait(5s));
  REQUIRE(client.disconnect_irqs(VFIO_PCI_INTX_IRQ_INDEX).has_value());
  CHECK(bind(VFIO_IRQ_SET_ACTION_MASK, events[1]).has_error());
}

TEST_CASE("a client's eventfds keep their flags, and interrupts reach a blocking one") {
  const ServedFunctions<> served;
  auto client = connect(served);
  const testing::PeerEvent blocking, other(EFD_NONBLOCK), unmask(EFD_SEMAPHORE);
  const int flags[] = {blocking.flags(), other.flags(), unmask.flags()};
  REQUIRE(lead(client, VFIO_PCI_MSIX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, blocking).has_value());
  REQUIRE(lead(client, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, other).has_value());
  REQUIRE(lead(client, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK, unmask).has_value());
  store(client, TestFunction::level, 1);
  CHECK(other.take() == 1);
  REQUIRE(lead(client, VFIO_PCI_MSIX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, blocking).has_value());
  store(client, TestFunction::raise, 0);
  CHECK(blocking.take() == 1);
  CHECK(blocking.flags() == flags[0]);
  CHECK(other.flags() == flags[1]);
  CHECK(unmask.flags() == flags[2]);
}

// What would sleep here for ever is let go at the end, so that a failure is one and no hang.
TEST_CASE("full, blocking interrupts and doorbells stop neither their client nor the next one") {
  const ServedFunctions<> served;
  const testing::PeerEvent vector, level;
  std::optional<Client> client(connect(served));
  const testing::PeerEvent doorbell(client->doorbells(bar0).value().at(0).event);
  doorbell.set_blocking(true);
  doorbell.fill();
  REQUIRE(lead(*client, VFIO_PCI_MSIX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, vector).has_value());
  REQUIRE(lead(*client, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, level).has_value());
  vector.fill();
  level.fill();
  CHECK(
      client->act_on_irqs(VFIO_PCI_INTX_IRQ_INDEX, 0, 1, VFIO_IRQ_SET_ACTION_TRIGGER).has_value());
  CHECK(client->store(bar0, TestFunction::level.offset, 1U).has_value());
  REQUIRE(lead(*client, VFIO_PCI_MSIX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, vector).has_value());
  for (int times = 0; times < 3; ++times)
    CHECK(client->act_on_irqs(VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, VFIO_IRQ_SET_ACTION_TRIGGER)
              .has_value());
  CHECK(client->info().has_value());
  client.reset();
  CHECK(Client::connect(served.path()).has_value());
  vector.take();
  level.take();
}

TEST_CASE("DMA goes both ways, mapped or by messages, over many messages") {
  constexpr std::uint32_t size = 5 * most_dma_transfer + 4096;
  ServedFunctions<> served;
  auto client = connect(served);
  Bytes unshared = pattern(size, 1);
  const auto memfd = os::create_memfd("guest", size).value();
  const auto shared = os::Mapping::create(memfd.get(), size).value();
  SUBCASE("by messages") {
    REQUIRE(client.map(guest_address, unshared).has_value());
  }
  SUBCASE("mapped") {
    REQUIRE(client.map(guest_address, size, memfd.get()).has_value());
  }
  const bool messages =
      served.with([](TestFunction& function) { return !function.memory().map(guest_address, 1); });
  const auto memory = messages ? std::span<std::byte>(unshared)
                               : std::span<std::byte>(shared.data(), shared.size());
  std::ranges::copy(pattern(size, 1), memory.begin());

  CHECK(dma(client, guest_address, TestFunction::fetch, size) == 0);
  served.with([](TestFunction& function) {
    CHECK(std::ranges::equal(std::span(function.buffer).first(size), pattern(size, 1)));
    std::ranges::copy(pattern(size, 2), function.buffer.begin());
  });
  CHECK(dma(client, guest_address, TestFunction::put, size) == 0);
  CHECK(std::ranges::equal(memory, pattern(size, 2)));
  CHECK(client.served() == (messages ? 2 * size : 0));

  CHECK(dma(client, guest_address + size - 4, TestFunction::fetch, 8) == EFAULT);
  REQUIRE(client.unmap(guest_address, size).has_value());
  CHECK(dma(client, guest_address, TestFunction::fetch, 4) == EFAULT);
}

TEST_CASE("reset brings the registers back, and the config space") {
  ServedFunctions<> served;
  auto client = connect(served);
  store(client, TestFunction::scratch, 9);
  CHECK(client.store<std::uint16_t>(config, 4, 0x6).has_value());
  CHECK(client.reset().has_value());
  CHECK(load(client, TestFunction::scratch) == 0);
  CHECK(client.load<std::uint16_t>(config, 4).value() == 0);
}

TEST_CASE("rule 52: a client that goes leaves the device's state, and nothing of its own") {
  ServedFunctions<> served;
  const auto events = os::create_events(1).value();
  {
    auto client = connect(served);
    store(client, TestFunction::scratch, 41);
    const auto memfd = os::create_memfd("guest", 4096).value();
    REQUIRE(client.map(guest_address, 4096, memfd.get()).has_value());
    REQUIRE(client.connect_irqs(VFIO_PCI_MSIX_IRQ_INDEX, 0, events).has_value());
    CHECK(served.clients() == 1);
  }
  auto next = connect(served);
  CHECK(load(next, TestFunction::scratch) == 41);
  CHECK(served.with([](TestFunction& function) { return function.memory().regions(); }) == 0);
  store(next, TestFunction::raise, 0);
  CHECK_FALSE(events[0].drain());
}

TEST_CASE("a second client is turned away while the first is there") {
  const ServedFunctions<> served;
  auto first = connect(served);
  CHECK(Client::connect(served.path()).has_error());
  store(first, TestFunction::scratch, 3);
  CHECK(load(first, TestFunction::scratch) == 3);
}

// Nobody hurries it otherwise: it may be stopped by a debugger.
TEST_CASE("a client that owes its version, or half a message, makes room for another") {
  const Bytes half = pack(command_header(Command::device_reset, 1), Bytes(8));
  for (const bool agreed : {false, true}) {
    CAPTURE(agreed);
    const ServedFunctions<> served;
    RawClient stalled(served.path());
    if (agreed) stalled.agree();
    stalled.say_bytes(Bytes(half.begin(), half.begin() + (agreed ? 20 : 0)));
    bool came = false;
    for (int tries = 0; !came && tries < 400; ++tries) {
      came = Client::connect(served.path()).has_value();
      std::this_thread::sleep_for(50ms);
    }
    CHECK(came);
    CHECK(stalled.outcome() == closed);
  }
}

TEST_CASE("a client that goes in the middle of DMA ends it with an error") {
  ServedFunctions<> served;
  Bytes memory(8 * most_dma_transfer);
  {
    auto client = connect(served);
    REQUIRE(client.map(guest_address, memory).has_value());
    store(client, TestFunction::address, guest_address);
    store(client, TestFunction::fetch, 8 * most_dma_transfer);
  }
  auto next = connect(served);
  CHECK(load(next, TestFunction::finished) == 1);
  CHECK(load(next, TestFunction::result) == EFAULT);
}
