// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/core/crc32c.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using bellwire::crc32c;

TEST_CASE("the CPU's instruction and the table agree, at each length and in two parts") {
  std::mt19937 random(27);
  std::vector<std::byte> bytes(100);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const auto part = std::span(bytes).first(size);
    const auto whole = bellwire::detail::crc32c_by_table(part);
    CHECK(crc32c(part) == whole);
    CHECK(crc32c(part.subspan(size / 3), crc32c(part.first(size / 3))) == whole);
  }
}
