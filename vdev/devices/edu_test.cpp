// SPDX-License-Identifier: BSD-3-Clause
//
// edu as a driver has it, by the vfio-user client.
#include "vdev/devices/edu.hpp"

#include <doctest/doctest.h>

#include "vdev/core/crc32c.hpp"
#include "vdev/testing/vfio_user.hpp"
#include "vdev/transport/vfio_user/client/client.hpp"

using namespace bellwire;
using vfio_user::Client;

namespace {

constexpr std::uint32_t bar = VFIO_PCI_BAR0_REGION_INDEX;
constexpr std::uint32_t intx = VFIO_PCI_INTX_IRQ_INDEX, msi = VFIO_PCI_MSI_IRQ_INDEX;
constexpr std::uint64_t guest_address = std::uint64_t{5} << 32;  // beyond QEMU's 28 bits

/// An edu, and its driver.
struct Fixture {
  testing::ServedFunction<edu::Edu> served;
  Client client = Client::connect(served.path()).value();

  template <class Register>
  auto load(Register) {
    return client.load<typename Register::Value>(bar, Register::offset).value();
  }
  template <class Register>
  void store(Register, typename Register::Value value) {
    REQUIRE(client.store(bar, Register::offset, value).has_value());
  }

  void start(std::uint64_t source, std::uint64_t destination, std::uint64_t count,
             std::uint64_t command) {
    store(edu::dma_source, source);
    store(edu::dma_destination, destination);
    store(edu::dma_count, count);
    store(edu::dma_command, edu::dma::run | command);
  }

  /// Whether it was done.
  bool finish() {
    while ((load(edu::dma_command) & edu::dma::run) != 0) std::this_thread::yield();
    return (load(edu::dma_command) & edu::dma::failed) == 0;
  }
  bool fetch(std::uint64_t address, std::uint64_t count, std::uint64_t at = 0) {
    start(address, edu::buffer_address + at, count, 0);
    return finish();
  }
  bool put(std::uint64_t address, std::uint64_t count, std::uint64_t at = 0) {
    start(edu::buffer_address + at, address, count, edu::dma::to_memory);
    return finish();
  }
};

/// The guest's memory: a buffer to send from, and one to come back to.
struct Memory {
  static constexpr std::uint64_t size = 2 * edu::buffer_size;

  explicit Memory(Client& client, bool mapped) {
    if (mapped)
      REQUIRE(client.map(guest_address, size, file.get()).has_value());
    else
      REQUIRE(client.map(guest_address, bytes).has_value());
  }
  [[nodiscard]] std::span<std::byte> out() const { return bytes.first(edu::buffer_size); }
  [[nodiscard]] std::span<std::byte> back() const { return bytes.last(edu::buffer_size); }

  os::UniqueFd file = os::create_memfd("guest", size).value();
  os::Mapping mapping = os::Mapping::create(file.get(), size).value();
  std::span<std::byte> bytes{mapping.data(), size};
};

void fill(std::span<std::byte> bytes, std::uint64_t seed) {
  for (auto& byte : bytes)
    byte = static_cast<std::byte>((seed = seed * 0x5851F42D4C957F2D + 1) >> 56);
}

}  // namespace

TEST_CASE("edu: it identifies itself, shows that it lives, and computes factorials") {
  Fixture edu;
  CHECK(edu.client.load<std::uint32_t>(VFIO_PCI_CONFIG_REGION_INDEX, 0).value() == 0x11E81234);
  CHECK(edu.load(edu::identification) == 0x0100'00ED);
  edu.store(edu::liveness, 0x12345678);
  CHECK(edu.load(edu::liveness) == ~0x12345678U);
  struct {
    std::uint32_t number, factorial;
  } const cases[] = {{0, 1},           {1, 1},           {5, 120},  {12, 479001600},
                     {13, 1932053504}, {33, 0x80000000}, {34, 0x0}, {~0U, 0}};
  for (const auto& [number, factorial] : cases) {
    edu.store(edu::factorial, number);
    CHECK(edu.load(edu::factorial) == factorial);
  }
  CHECK(edu.load(edu::interrupt_status) == 0);
}

TEST_CASE(
    "edu: a register of 8 bytes takes 4 as well; an address without a register takes nothing") {
  Fixture edu;
  edu.store(edu::dma_source, 0x1111'2222'3333'4444);
  const auto at = edu::dma_source.offset;
  CHECK(edu.client.load<std::uint32_t>(bar, at).value() == 0x3333'4444);
  CHECK(edu.client.store<std::uint32_t>(bar, at, 7).has_value());
  CHECK(edu.load(edu::dma_source) == 7);
  CHECK(edu.client.store<std::uint16_t>(bar, at, 1).has_value());
  CHECK(edu.client.store<std::uint32_t>(bar, at + 4, 1).has_value());
  CHECK(edu.client.store<std::uint32_t>(bar, edu::identification.offset, 1).has_value());
  CHECK(edu.load(edu::dma_source) == 7);
  CHECK(edu.client.load<std::uint64_t>(bar, edu::liveness.offset).value() == 0);
  CHECK(edu.client.load<std::uint32_t>(bar, edu::interrupt_raise.offset).value() == 0);
  CHECK(edu.client.load<std::uint32_t>(bar, edu::bar_size - 4).value() == 0);
}

TEST_CASE("edu: INTx is asserted until all is acknowledged") {
  Fixture edu;
  const auto events = os::create_events(1).value();
  REQUIRE(edu.client.connect_irqs(intx, 0, events).has_value());
  edu.store(edu::interrupt_raise, 0x6);
  CHECK(events[0].drain() == 1);
  CHECK(edu.load(edu::interrupt_status) == 0x6);
  const auto still_asserted = [&] {
    REQUIRE(edu.client.act_on_irqs(intx, 0, 1, VFIO_IRQ_SET_ACTION_UNMASK).has_value());
    return events[0].drain().has_value();
  };
  edu.store(edu::interrupt_acknowledge, 0x2);
  CHECK(still_asserted());
  edu.store(edu::interrupt_acknowledge, 0x4);
  CHECK(edu.load(edu::interrupt_status) == 0);
  CHECK_FALSE(still_asserted());
}

TEST_CASE("edu: by MSI each raise is an interrupt; factorials and DMA raise when asked to") {
  Fixture edu;
  const Memory memory(edu.client, true);
  const auto events = os::create_events(1).value();
  REQUIRE(edu.client.connect_irqs(msi, 0, events).has_value());
  edu.store(edu::interrupt_raise, 1U << 31);
  edu.store(edu::interrupt_raise, 1U << 31);
  CHECK(events[0].drain() == 2);
  edu.store(edu::factorial, 3);
  CHECK(edu.fetch(guest_address, 16));
  CHECK_FALSE(events[0].drain());
  edu.store(edu::status, ~0U);
  CHECK(edu.load(edu::status) == edu::factorial_interrupts);
  edu.store(edu::factorial, 3);
  CHECK(events[0].drain() == 1);
  edu.start(guest_address, edu::buffer_address, 16, edu::dma::interrupts);
  CHECK(edu.finish());
  CHECK(events[0].drain() == 1);
  CHECK(edu.load(edu::interrupt_status) == (1U << 31 | edu::factorial_done | edu::dma_done));
}

TEST_CASE("edu: 8 MiB of DMA both ways, mapped or by messages, come back as they went") {
  Fixture edu;
  bool mapped = false;
  SUBCASE("mapped") {
    mapped = true;
  }
  SUBCASE("by messages") {}
  const Memory memory(edu.client, mapped);
  fill(memory.out(), 1);
  constexpr unsigned rounds = (4 << 20) / edu::buffer_size;
  for (unsigned round = 0; round < rounds; ++round) {
    memory.out()[round] ^= std::byte{0xFF};
    REQUIRE(edu.fetch(guest_address, edu::buffer_size));
    REQUIRE(edu.put(guest_address + edu::buffer_size, edu::buffer_size));
    REQUIRE(crc32c(memory.back()) == crc32c(memory.out()));
  }
  CHECK(edu.client.served() == (mapped ? 0 : 2 * rounds * edu::buffer_size));
}

TEST_CASE("edu: DMA within the buffer, to its last byte, and no further") {
  Fixture edu;
  const Memory memory(edu.client, true);
  fill(memory.out(), 2);
  CHECK(edu.fetch(guest_address, 100, edu::buffer_size - 100));
  CHECK(edu.put(guest_address + edu::buffer_size, 1, edu::buffer_size - 1));
  CHECK(memory.back()[0] == memory.out()[99]);
  CHECK(memory.back()[1] == std::byte{});
  CHECK(edu.fetch(guest_address, 0, edu::buffer_size));
  CHECK_FALSE(edu.fetch(guest_address, 1, edu::buffer_size));
  CHECK_FALSE(edu.fetch(guest_address, 101, edu::buffer_size - 100));
  CHECK_FALSE(edu.fetch(guest_address, ~std::uint64_t{0}, 1));
  CHECK_FALSE(edu.fetch(guest_address, 4, ~std::uint64_t{0}));
  CHECK_FALSE(edu.put(guest_address + Memory::size - 1, 2));  // the guest has no memory there
  CHECK_FALSE(edu.put(0, 1));
  CHECK(edu.put(guest_address, 1));
}

TEST_CASE("edu: DMA that fails raises its interrupt, too") {
  Fixture edu;
  const auto events = os::create_events(1).value();
  REQUIRE(edu.client.connect_irqs(msi, 0, events).has_value());
  edu.start(0, edu::buffer_address, 4, edu::dma::interrupts);
  CHECK_FALSE(edu.finish());
  CHECK(events[0].drain() == 1);
}

// The client answers DMA only while it waits for a reply: so the transfer is under way when the
// posted writes come, and the reset.
TEST_CASE("edu: registers of a transfer stay while it runs; a reset drops what it brings") {
  Fixture edu;
  const Memory memory(edu.client, false);
  fill(memory.out(), 3);
  const auto post = [&](auto reg, std::uint64_t value) {
    REQUIRE(edu.client.post(bar, reg.offset, std::as_bytes(std::span(&value, 1))).has_value());
  };
  post(edu::dma_source, guest_address);
  post(edu::dma_destination, edu::buffer_address);
  post(edu::dma_count, edu::buffer_size);
  post(edu::dma_command, edu::dma::run | edu::dma::interrupts);
  SUBCASE("a transfer") {
    post(edu::dma_source, 0);
    post(edu::dma_command, edu::dma::to_memory);
    CHECK(edu.finish());
    CHECK(edu.load(edu::dma_source) == guest_address);
    CHECK(edu.load(edu::dma_command) == edu::dma::interrupts);
  }
  SUBCASE("a reset, and the next transfer") {
    CHECK(edu.client.reset().has_value());
    CHECK(edu.load(edu::dma_command) == 0);
    CHECK(edu.load(edu::interrupt_status) == 0);
    CHECK(edu.put(guest_address + edu::buffer_size, edu::buffer_size));
    CHECK(std::ranges::all_of(memory.back(), [](std::byte byte) { return byte == std::byte{}; }));
    CHECK(edu.load(edu::interrupt_status) == 0);
  }
}

TEST_CASE("edu: a driver that goes in the middle of DMA leaves it ready for the next") {
  testing::ServedFunction<edu::Edu> served;
  std::vector<std::byte> bytes(4096);
  {
    auto client = Client::connect(served.path()).value();
    REQUIRE(client.map(guest_address, bytes).has_value());
    CHECK(client.store(bar, edu::dma_source.offset, guest_address).has_value());
    CHECK(client.store(bar, edu::dma_destination.offset, edu::buffer_address).has_value());
    CHECK(client.store(bar, edu::dma_count.offset, std::uint64_t{4096}).has_value());
    CHECK(client.store(bar, edu::dma_command.offset, edu::dma::run).has_value());
  }
  auto next = Client::connect(served.path()).value();
  const auto command = next.load<std::uint64_t>(bar, edu::dma_command.offset).value();
  CHECK(command == edu::dma::failed);
}
