// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/pci/config_space.hpp"

#include <doctest/doctest.h>

#include "vdev/pci/capabilities.hpp"

using namespace bellwire;
using namespace bellwire::pci;

namespace {

constexpr Identity identity{.vendor = 0x1AF4,
                            .device = 0x10F0,
                            .subsystem_vendor = 0x1234,
                            .subsystem_device = 0x5678,
                            .class_code = 0xFF0102,
                            .revision = 3};

void write32(ConfigSpace& space, std::size_t offset, std::uint32_t value) {
  space.write(offset, std::as_bytes(std::span(&value, 1)));
}

std::uint32_t sized(ConfigSpace& space, unsigned bar) {
  const auto at = header::first_bar.offset + bar * std::size_t{4};
  write32(space, at, ~0U);
  return space.load<std::uint32_t>(at);
}

}  // namespace

TEST_CASE("the header identifies the device, and can't be written") {
  auto space = ConfigBuilder(identity).intx().build().value();
  CHECK(space.size() == 256);
  CHECK(space.load(header::vendor) == 0x1AF4);
  CHECK(space.load(header::device) == 0x10F0);
  CHECK(space.load(header::class_and_revision) == 0xFF010203);
  CHECK(space.load(header::subsystem_device) == 0x5678);
  CHECK(space.load(header::interrupt_pin) == 1);
  write32(space, 0, 0);
  write32(space, 8, 0);
  CHECK(space.load(header::vendor) == 0x1AF4);
  CHECK(space.load(header::class_and_revision) == 0xFF010203);
}

TEST_CASE("BARs show their kind and their size") {
  auto space = ConfigBuilder(identity)
                   .bar(0, {BarKind::io, 32})
                   .bar(1, {BarKind::memory32, 4096})
                   .bar(2, {BarKind::memory64, std::uint64_t{1} << 33, true})
                   .build()
                   .value();
  CHECK(sized(space, 0) == 0xFFFFFFE1);
  CHECK(sized(space, 1) == 0xFFFFF000);
  CHECK(sized(space, 2) == 0x0000000C);
  CHECK(sized(space, 3) == 0xFFFFFFFE);
  CHECK(sized(space, 4) == 0);
  write32(space, 0x14, 0xFEBC1234);
  CHECK(space.load<std::uint32_t>(0x14) == 0xFEBC1000);
  space.reset();
  CHECK(space.load<std::uint32_t>(0x14) == 0);
}

TEST_CASE("the command register has the bits that the device can use") {
  auto ports = ConfigBuilder(identity).bar(0, {BarKind::io, 8}).build().value();
  write32(ports, 4, ~0U);
  CHECK(ports.load(header::command) ==
        (command::io | command::master | command::parity | command::system_error));
  auto memory = ConfigBuilder(identity).bar(0, {BarKind::memory32, 16}).intx().build().value();
  write32(memory, 4, ~0U);
  CHECK(memory.load(header::command) == (command::memory | command::master | command::parity |
                                         command::system_error | command::no_intx));
}

TEST_CASE("capabilities are found by their list") {
  const auto space = ConfigBuilder(identity, express_size)
                         .power_management()
                         .express()
                         .msi(4)
                         .msix({.vectors = 32, .bar = 4, .table = 0, .pending = 2048})
                         .build()
                         .value();
  CHECK((space.load(header::status) & status::capabilities) != 0);
  const auto msi_at = space.find(CapabilityId::msi);
  const auto msix_at = space.find(CapabilityId::msix);
  REQUIRE(msi_at != 0);
  REQUIRE(msix_at != 0);
  CHECK(space.find(CapabilityId::power) == 0x40);
  CHECK(space.find(CapabilityId::express) != 0);
  CHECK((space.load<std::uint16_t>(msi_at + msi::control) >> 1 & 7) == 2);
  CHECK(space.load<std::uint16_t>(msix_at + msix::control) == 31);
  CHECK(space.load<std::uint32_t>(msix_at + msix::pending) == (2048 | 4));
  CHECK(ConfigBuilder(identity).build().value().find(CapabilityId::msix) == 0);
}

TEST_CASE("what breaks a rule of PCI is refused, and named") {
  const auto refusal = [](ConfigBuilder& builder) {
    const auto built = builder.build();
    return built ? std::string() : built.error().message;
  };
  const auto bar = [&](unsigned index, BarShape shape) {
    ConfigBuilder builder(identity);
    return refusal(builder.bar(index, shape));
  };
  CHECK(bar(0, {BarKind::memory32, 4095}).find("power of two") != std::string::npos);
  CHECK(bar(0, {BarKind::memory32, 8}).find("BAR 0") != std::string::npos);
  CHECK(bar(0, {BarKind::io, 512}).find("512 bytes") != std::string::npos);
  CHECK(bar(5, {BarKind::memory64, 4096}).find("takes two") != std::string::npos);
  CHECK(bar(6, {BarKind::memory32, 4096}).find("BAR 6") != std::string::npos);
  ConfigBuilder twice(identity);
  twice.bar(0, {BarKind::memory64, 4096}).bar(1, {BarKind::memory32, 4096});
  CHECK(refusal(twice).find("BAR 1 is in use") != std::string::npos);
  ConfigBuilder odd(identity);
  CHECK(refusal(odd.msi(3)).find("3 MSI vectors") != std::string::npos);
  ConfigBuilder small(identity);
  CHECK(refusal(small.express()).find("4096") != std::string::npos);
  ConfigBuilder many(identity);
  CHECK(refusal(many.msix({.vectors = 2049})).find("2049") != std::string::npos);
}
