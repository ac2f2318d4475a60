// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/regions.hpp"

#include <doctest/doctest.h>

#include "vdev/testing/pci_test_function.hpp"

using namespace bellwire;
using namespace bellwire::vfio_user;

TEST_CASE("accesses to registers go by aligned pieces of at most 8 bytes") {
  struct LoggingDevice final : RegisterBlock {
    std::uint64_t read(std::uint64_t offset, unsigned size) noexcept override {
      pieces.emplace_back(offset, size);
      return 0x8877665544332211;
    }
    void write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept override {
      pieces.emplace_back(offset, size);
      last = value;
    }
    std::vector<std::pair<std::uint64_t, unsigned>> pieces;
    std::uint64_t last = 0;
  } recorder;
  struct Plain final : pci::Function {
    explicit Plain(pci::Plan plan) : Function(std::move(plan)) {}
  };
  pci::Plan plan;
  plan.bars[0] = {.shape = {pci::BarKind::memory32, 4096}, .registers = &recorder};
  plan.bars[1] = {.shape = {pci::BarKind::memory32, 16}};
  Plain function(std::move(plan));
  Regions regions(function);
  using Pieces = decltype(recorder.pieces);

  Bytes bytes(17);
  regions.read({3, 0, 17}, bytes);
  CHECK(recorder.pieces == Pieces{{3, 1}, {4, 4}, {8, 8}, {16, 4}});
  CHECK(bytes[1] == std::byte{0x11});
  CHECK(bytes[4] == std::byte{0x44});
  CHECK(bytes[12] == std::byte{0x88});
  recorder.pieces.clear();
  regions.write({6, 0, 2}, Bytes{std::byte{0x34}, std::byte{0x12}});
  CHECK(recorder.pieces == Pieces{{6, 2}});
  CHECK(recorder.last == 0x1234);
  regions.read({0, 1, 16}, std::span(bytes).first(16));  // a BAR without anything in it
  CHECK(bytes[3] == std::byte{0});
}

TEST_CASE("a region's descriptor comes with its capability, and neither without room for it") {
  TestFunction function;
  const Regions regions(function);
  const auto small = regions.info(1, 32, 1).value();
  const auto described = *head<vfio_region_info>(small.payload);
  CHECK(small.payload.size() == 32);
  CHECK(described.argsz == 32 + 16 + 2 * 16);
  CHECK((described.flags & (VFIO_REGION_INFO_FLAG_CAPS | VFIO_REGION_INFO_FLAG_MMAP)) == 0);
  CHECK(small.fd == -1);
  CHECK(regions.info(1, described.argsz - 1, 1).value().fd == -1);
  const auto large = regions.info(1, described.argsz, 1).value();
  CHECK(large.payload.size() == described.argsz);
  CHECK(large.fd >= 0);
  CHECK(head<vfio_region_info>(large.payload)->cap_offset == 32);
  CHECK((head<vfio_region_info>(large.payload)->flags & VFIO_REGION_INFO_FLAG_MMAP) != 0);
  CHECK(regions.info(0, 32, 1).value().fd == -1);
  CHECK(regions.info(VFIO_PCI_VGA_REGION_INDEX, 32, 1).has_value());
}

TEST_CASE("a client that takes no descriptors is offered nothing to map") {
  TestFunction function;
  const Regions regions(function);
  const auto info = regions.info(1, 4096, 0).value();
  CHECK(info.fd == -1);
  CHECK(info.payload.size() == 32);
  CHECK(head<vfio_region_info>(info.payload)->argsz == 32);
  CHECK((head<vfio_region_info>(info.payload)->flags & VFIO_REGION_INFO_FLAG_MMAP) == 0);
  CHECK(regions.io_fds(0, 4096, 0).value().fds.empty());
}

TEST_CASE("an access of no bytes reaches nothing, wherever it may begin") {
  TestFunction function;
  Regions regions(function);
  for (std::uint32_t region = 0; region < VFIO_PCI_NUM_REGIONS; ++region) {
    CHECK(regions.check({0, region, 0}).has_value());
    regions.read({0, region, 0}, {});
    regions.write({0, region, 0}, {});
  }
  CHECK(regions.check({4096, 0, 0}).has_value());
  CHECK(regions.check({4097, 0, 0}).has_error());
  CHECK(regions.check({0, VFIO_PCI_NUM_REGIONS, 0}).has_error());
  CHECK(regions.check({~std::uint64_t{0}, 0, 1}).has_error());
}
