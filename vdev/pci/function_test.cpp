// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/pci/function.hpp"

#include <doctest/doctest.h>

#include "vdev/pci/capabilities.hpp"

using namespace bellwire;
using namespace bellwire::pci;

namespace {

class Plain final : public Function {
 public:
  explicit Plain(Plan plan) : Function(std::move(plan)) {}
  void on_reset() noexcept override { ++resets; }
  int resets = 0;
};

Plan full() {
  Plan plan;
  plan.bars[0].shape = {BarKind::memory32, 4096};
  plan.intx = true;
  plan.msi = 4;
  plan.msix.vectors = 3;
  return plan;
}

template <class T>
void write(Function& function, std::size_t offset, T value) {
  function.write_config(offset, std::as_bytes(std::span(&value, 1)));
}

template <class T>
T read(Function& function, std::size_t offset) {
  T value{};
  function.read_config(offset, std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

}  // namespace

TEST_CASE("MSI-X gets a BAR of its own") {
  const Plain function(full());
  const auto& bar = function.bars()[4];
  CHECK(bar.shape.kind == BarKind::memory32);
  REQUIRE(bar.registers != nullptr);
  CHECK(bar.registers->read(12, 4) == 1);  // vector 0 is masked
}

TEST_CASE("the config space's mask bits mask, and its pending bits show what waits") {
  Plain function(full());
  const auto msix = function.config().find(CapabilityId::msix) + msix::control;
  const auto msi = function.config().find(CapabilityId::msi);
  const auto event = os::EventFd::create().value();
  function.interrupts().connect(InterruptKind::msix, 0, event.duplicate().value());
  write<std::uint16_t>(function, msix, msix::enable | msix::function_mask);
  function.interrupts().vector(0).raise();
  CHECK_FALSE(event.drain());
  write<std::uint16_t>(function, msix, msix::enable);
  CHECK(event.drain() == 1);

  function.interrupts().connect(InterruptKind::msi, 1, event.duplicate().value());
  write<std::uint32_t>(function, msi + msi::mask, 2);
  function.interrupts().vector(1).raise();
  CHECK_FALSE(event.drain());
  CHECK(read<std::uint32_t>(function, msi + msi::pending) == 2);
  write<std::uint32_t>(function, msi + msi::mask, 0);
  CHECK(event.drain() == 1);
}

TEST_CASE("the status register shows INTx, the command register turns it off") {
  Plain function(full());
  const auto event = os::EventFd::create().value();
  function.interrupts().connect(InterruptKind::intx, 0, event.duplicate().value());
  write<std::uint16_t>(function, 4, command::no_intx);
  function.interrupts().set_intx(true);
  CHECK_FALSE(event.drain());
  CHECK((read<std::uint16_t>(function, 6) & status::interrupt) != 0);
  write<std::uint16_t>(function, 4, 0);
  CHECK(event.drain() == 1);
  function.reset();
  CHECK((read<std::uint16_t>(function, 6) & status::interrupt) == 0);
  CHECK(function.resets == 1);
}

TEST_CASE("a plan that breaks a rule throws what is wrong") {
  auto plan = full();
  plan.bars[4].shape = {BarKind::memory32, 4096};  // MSI-X wants it
  CHECK_THROWS_WITH_AS(Plain{std::move(plan)}, doctest::Contains("BAR 4 is in use"),
                       std::system_error);
}

TEST_CASE("areas of a BAR's memory are whole pages in it") {
  const auto refused = [](Area area) {
    return BarMemory::create(os::create_memfd("bar", 8192).value(), 8192, {area}).has_error();
  };
  CHECK_FALSE(refused({4096, 4096}));
  CHECK(refused({100, 4096}));
  CHECK(refused({0, 100}));
  CHECK(refused({0, 0}));
  CHECK(refused({8192, 4096}));
  CHECK(refused({4096, 8192}));
}
