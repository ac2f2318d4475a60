// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/dma_table.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vdev/os/memory.hpp"

using namespace bellwire;
using namespace bellwire::vfio_user;

namespace {

constexpr std::uint32_t read_write = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;

os::UniqueFd unsealed(std::uint64_t size) {
  os::UniqueFd fd(::memfd_create("unsealed", MFD_CLOEXEC));
  REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
  return fd;
}

}  // namespace

TEST_CASE("sealed memory is mapped; memory that can be taken away is not") {
  pci::DmaSpace space;
  DmaTable table(space);
  REQUIRE(
      table.map({32, read_write, 0, 0, page_size}, os::create_memfd("sealed", page_size).value())
          .has_value());
  REQUIRE(table.map({32, read_write, 0, page_size, page_size}, unsealed(page_size)).has_value());
  REQUIRE(table.map({32, read_write, 0, 2 * page_size, page_size}, {}).has_value());
  const auto readable = VFIO_DMA_MAP_FLAG_READ;
  REQUIRE(table
              .map({32, readable, 0, 3 * page_size, page_size},
                   os::create_memfd("rom", page_size).value())
              .has_value());
  CHECK(space.map(0, page_size).has_value());
  CHECK_FALSE(space.map(page_size, page_size).has_value());
  CHECK_FALSE(space.map(2 * page_size, page_size).has_value());
  CHECK_FALSE(space.map(3 * page_size, page_size).has_value());
  CHECK(space.regions() == 4);
}

TEST_CASE("a region may begin inside its file") {
  pci::DmaSpace space;
  DmaTable table(space);
  const auto file = os::create_memfd("guest", 4 * page_size).value();
  const auto whole = os::Mapping::create(file.get(), 4 * page_size).value();
  whole.data()[2 * page_size] = std::byte{0x77};
  REQUIRE(
      table.map({32, read_write, 2 * page_size, 0, 2 * page_size}, file.duplicate()).has_value());
  CHECK(space.map(0, 1)->bytes()[0] == std::byte{0x77});
}

TEST_CASE("all regions can be unmapped at once") {
  pci::DmaSpace space;
  DmaTable table(space);
  for (std::uint64_t at = 0; at < 5; ++at)
    REQUIRE(table.map({32, read_write, 0, 2 * at * page_size, page_size}, {}).has_value());
  REQUIRE(table.unmap({24, 0, 2 * page_size, page_size}).has_value());
  CHECK(space.regions() == 4);
  REQUIRE(table.unmap({24, 2, 0, 0}).has_value());
  CHECK(space.regions() == 0);
}
