// SPDX-License-Identifier: BSD-3-Clause
//
// Level 1: the real KVM, where there is one.
#include "vdev/machine/kvm/kvm_machine.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "vdev/machine/kvm/monitor.h"
#include "vdev/machine/kvm/program.hpp"

using namespace bellwire;
using machine::Space;
using os::EventFd;

namespace {

constexpr std::chrono::seconds patience{5};
constexpr std::uint64_t place = 0xd0000000;

// Null, and a message that says why, where KVM can't be used.
std::unique_ptr<machine::Machine> new_machine(bool irqchip = true) {
  auto made = kvm::KvmMachine::create({.irqchip = irqchip});
  if (made) return std::move(*made);
  MESSAGE("skipped: " << made.error().message);
  return nullptr;
}

std::uint32_t number(const EventFd& event) {
  return static_cast<std::uint32_t>(event.fd());
}

kvm_ioeventfd bell(const EventFd& event, Space space, std::uint64_t address, unsigned length) {
  kvm_ioeventfd request{};
  request.addr = address;
  request.len = length;
  request.fd = event.fd();
  request.flags = space == Space::pio ? KVM_IOEVENTFD_FLAG_PIO : 0;
  return request;
}

kvm_irqfd wire(const EventFd& event, std::uint32_t gsi) {
  kvm_irqfd request{};
  request.fd = number(event);
  request.gsi = gsi;
  return request;
}

}  // namespace

TEST_CASE("an ioeventfd takes the writes of its length, others reach user space") {
  const auto kvm = new_machine();
  if (!kvm) return;
  const auto event = EventFd::create().value();
  for (const auto space : {Space::mmio, Space::pio})
    for (const unsigned length : {1U, 2U, 4U, 8U}) {
      if (space == Space::pio && length == 8) continue;
      CAPTURE(length);
      const auto address = (space == Space::pio ? 0x1000 : place) + 16 * length;
      REQUIRE(kvm->ioeventfd(bell(event, space, address, length)) == 0);
      const auto value = 0x1122334455667788U >> (64 - 8 * length);
      CHECK(kvm->write(space, address, length, value) == std::nullopt);
      CHECK(event.drain() == 1);
      CHECK(kvm->write(space, address + length, length, value) == value);
      CHECK(kvm->read(space, address, length));
      CHECK(event.drain() == std::nullopt);
    }
}

TEST_CASE("writes of any place reach user space whole, across pages too") {
  const auto kvm = new_machine(false);
  if (!kvm) return;
  for (const std::uint64_t address : {0x0UL, 0xdffffcUL, 0xd01ffffcUL, 0xe00000000UL})
    CHECK(kvm->write(Space::mmio, address, 8, 0x123456789abcdef) == 0x123456789abcdef);
}

TEST_CASE("an irqfd on an MSI route brings its vector, once, the highest first") {
  const auto kvm = new_machine();
  if (!kvm) return;
  const auto low = EventFd::create().value();
  const auto high = EventFd::create().value();
  const std::vector routes{machine::msi_route(24, 0x41), machine::msi_route(25, 0x91)};
  REQUIRE(kvm->set_routes(routes) == 0);
  REQUIRE(kvm->irqfd(wire(low, 24)) == 0);
  REQUIRE(kvm->irqfd(wire(high, 25)) == 0);
  low.ring();
  high.ring(3);
  CHECK(kvm->take_interrupts(patience) == std::vector<std::uint8_t>{0x91, 0x41});
  CHECK(kvm->take_interrupts({}).empty());
  CHECK_FALSE(high.drain());
}

TEST_CASE("vectors 32 to 255 all arrive") {
  const auto kvm = new_machine();
  if (!kvm) return;
  const auto event = EventFd::create().value();
  REQUIRE(kvm->irqfd(wire(event, 24)) == 0);
  for (unsigned vector = 32; vector < 256; ++vector) {
    const auto route = machine::msi_route(24, static_cast<std::uint8_t>(vector));
    REQUIRE(kvm->set_routes({&route, 1}) == 0);
    event.ring();
    CHECK(kvm->take_interrupts(patience) == std::vector{static_cast<std::uint8_t>(vector)});
  }
}

TEST_CASE("the EOI of a level interrupt signals the resample eventfd") {
  const auto kvm = new_machine();
  if (!kvm) return;
  const auto raised = EventFd::create().value();
  const auto resampled = EventFd::create().value();
  const auto route = machine::pin_route(30, 5);
  REQUIRE(kvm->set_routes({&route, 1}) == 0);
  kvm->set_pin({.number = 5, .vector = 0x55, .level = true});
  auto request = wire(raised, 30);
  request.flags = KVM_IRQFD_FLAG_RESAMPLE;
  request.resamplefd = number(resampled);
  REQUIRE(kvm->irqfd(request) == 0);
  for (int round = 0; round < 2; ++round) {
    raised.ring();
    CHECK(kvm->take_interrupts(patience) == std::vector<std::uint8_t>{0x55});
    CHECK(resampled.wait(patience));
    CHECK(resampled.drain() == 1);
  }
}

TEST_CASE("an edge on a pin arrives as its vector") {
  const auto kvm = new_machine();
  if (!kvm) return;
  const auto event = EventFd::create().value();
  const auto route = machine::pin_route(4, 4);
  REQUIRE(kvm->set_routes({&route, 1}) == 0);
  kvm->set_pin({.number = 4, .vector = 0x34});
  REQUIRE(kvm->irqfd(wire(event, 4)) == 0);
  event.ring();
  CHECK(kvm->take_interrupts(patience) == std::vector<std::uint8_t>{0x34});
}

TEST_CASE("after settle(), a closed eventfd's irqfd is gone") {
  const auto kvm = new_machine();
  if (!kvm) return;
  auto event = std::optional(EventFd::create().value());
  const auto route = machine::msi_route(24, 0x40);
  REQUIRE(kvm->set_routes({&route, 1}) == 0);
  REQUIRE(kvm->irqfd(wire(*event, 24)) == 0);
  event.reset();
  kvm->settle();
  event = EventFd::create().value();
  CHECK(kvm->irqfd(wire(*event, 24)) == 0);
}

TEST_CASE("without an irqchip there are ioeventfds, but no irqfds") {
  const auto kvm = new_machine(false);
  if (!kvm) return;
  const auto event = EventFd::create().value();
  CHECK(kvm->ioeventfd(bell(event, Space::mmio, place, 0)) == 0);
  CHECK(kvm->write(Space::mmio, place, 2, 7) == std::nullopt);
  CHECK(event.drain() == 1);
  const auto refused = kvm->irqfd(wire(event, 24));
  CHECK((refused == EINVAL || refused == EAGAIN));
}

TEST_CASE("KVM's own answers come through: a duplicate, length 3") {
  const auto kvm = new_machine();
  if (!kvm) return;
  const auto event = EventFd::create().value();
  REQUIRE(kvm->ioeventfd(bell(event, Space::mmio, place, 4)) == 0);
  CHECK(kvm->ioeventfd(bell(event, Space::mmio, place, 4)) == EEXIST);
  CHECK(kvm->ioeventfd(bell(event, Space::mmio, place, 3)) == EINVAL);
}

TEST_CASE("a guest that goes astray is an exception that says where") {
  const auto kvm = new_machine();
  if (!kvm) return;
  CHECK_THROWS_WITH(kvm->write(Space::mmio, std::uint64_t{1} << 62, 4, 0),
                    "the guest stopped unexpectedly: write of 4 bytes at 0x0");
}

TEST_CASE("a guest that faults is an exception that says how") {
  const auto kvm = new_machine();
  if (!kvm) return;
  CHECK_THROWS_WITH(kvm->write(Space::pio, 0x1000, 8, 0),
                    "the guest stopped unexpectedly: CPU exception 6");
}

TEST_CASE("a triple fault is reported") {
  auto vm = kvm::Vm::create(true);
  if (!vm) return;
  auto guest = kvm::Program::load(*vm, bellwire_monitor).value();
  auto registers = guest.cpu().special_registers().value();
  registers.idt.limit = 0;
  REQUIRE(guest.cpu().set_special_registers(registers).has_value());
  guest.data<std::uint32_t>() = MONITOR_BAD;
  CHECK(guest.cpu().run().value() == KVM_EXIT_SHUTDOWN);
  CHECK(guest.unexpected().message == "the guest stopped unexpectedly: triple fault");
}

TEST_CASE("a pulse ends the run of a guest that never says a word") {
  auto vm = kvm::Vm::create(true);
  if (!vm) return;
  auto guest = kvm::Program::load(*vm, bellwire_monitor).value();
  const auto event = EventFd::create().value();
  REQUIRE(vm->ioeventfd(bell(event, Space::pio, GUEST_PORT, 0)) == 0);
  guest.data<std::uint32_t>() = MONITOR_TAKE;
  const auto pulse = kvm::KickTimer::start(std::chrono::milliseconds(10)).value();
  CHECK(guest.cpu().run().value() == KVM_EXIT_INTR);
}

TEST_CASE("without KVM, the error has the reason and the remedy") {
  const auto missing = kvm::Vm::create(true, "/dev/no-kvm");
  REQUIRE(missing.has_error());
  CHECK(missing.error().message.find("load kvm-intel or kvm-amd") != std::string::npos);
  CHECK(kvm::Vm::create(true, "/dev/null").error().message.find("/dev/null") != std::string::npos);
}
