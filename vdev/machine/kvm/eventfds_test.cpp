// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/kvm/eventfds.hpp"

#include <doctest/doctest.h>

#include <optional>

#include "vdev/machine/machine.hpp"

using namespace bellwire;
using kvm::Ioeventfd;
using kvm::Irqfd;
using os::EventFd;

namespace {

constexpr std::uint64_t doorbell_place = 0xd0000000;

std::optional<kvm::Vm> a_machine() {
  auto vm = kvm::Vm::create(true);
  if (vm) return std::move(*vm);
  MESSAGE("skipped: " << vm.error().message);
  return std::nullopt;
}

kvm_ioeventfd doorbell(unsigned length) {
  kvm_ioeventfd request{};
  request.addr = doorbell_place;
  request.len = length;
  return request;
}

}  // namespace

TEST_CASE("a doorbell's place is taken while its wire lives") {
  const auto vm = a_machine();
  if (!vm) return;
  const auto event = EventFd::create().value();
  {
    const auto first = Ioeventfd::create(*vm, event, doorbell(4)).value();
    const auto second = Ioeventfd::create(*vm, event, doorbell(4));
    REQUIRE(second.has_error());
    CHECK(second.error().code == std::errc::file_exists);
    CHECK(second.error().message.find("address 0xd0000000, length 4") != std::string::npos);
  }
  CHECK(Ioeventfd::create(*vm, event, doorbell(4)).has_value());
}

TEST_CASE("a doorbell of length 3 is refused, and the error lists the lengths that there are") {
  const auto vm = a_machine();
  if (!vm) return;
  const auto refused = Ioeventfd::create(*vm, EventFd::create().value(), doorbell(3));
  REQUIRE(refused.has_error());
  CHECK(refused.error().message.find("KVM has lengths 1, 2, 4 and 8") != std::string::npos);
}

TEST_CASE("a GSI without a route is refused, which KVM itself would take") {
  const auto vm = a_machine();
  if (!vm) return;
  const auto route = machine::msi_route(24, 0x40);
  REQUIRE(vm->set_routes({&route, 1}) == 0);
  const auto event = EventFd::create().value();
  for (const std::uint32_t gsi : {25U, 4096U, ~0U}) {
    const auto refused = Irqfd::create(*vm, event, gsi, {&route, 1});
    REQUIRE(refused.has_error());
    CHECK(refused.error().message.find("set a route first") != std::string::npos);
  }
}

TEST_CASE("an eventfd is one interrupt's while its wire lives") {
  const auto vm = a_machine();
  if (!vm) return;
  const auto route = machine::msi_route(24, 0x40);
  REQUIRE(vm->set_routes({&route, 1}) == 0);
  const auto event = EventFd::create().value();
  {
    const auto first = Irqfd::create(*vm, event, 24, {&route, 1}).value();
    const auto second = Irqfd::create(*vm, event, 24, {&route, 1});
    REQUIRE(second.has_error());
    CHECK(second.error().code == std::errc::device_or_resource_busy);
  }
  CHECK(Irqfd::create(*vm, event, 24, {&route, 1}).has_value());
}
