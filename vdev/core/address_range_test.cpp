// SPDX-License-Identifier: BSD-3-Clause
//
// Every property is held against sums of 128 bits, at both ends of the space and in its middle.
#include "vdev/core/address_range.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using bellwire::AddressRange;
using bellwire::fits;

namespace {

__extension__ using Wide = unsigned __int128;
constexpr std::uint64_t last_address = ~std::uint64_t{0};
constexpr Wide space_end = Wide{1} << 64;

// Around 0, 2^63 and 2^64, and some from in between.
std::vector<std::uint64_t> points() {
  std::vector<std::uint64_t> all;
  for (const auto middle : {std::uint64_t{0}, std::uint64_t{1} << 63})
    for (std::uint64_t step = 0; step < 4; ++step) {
      all.push_back(middle + step);
      all.push_back(middle - 1 - step);
    }
  std::mt19937_64 random(15);
  for (int count = 0; count < 12; ++count) all.push_back(random() >> (count * 4));
  return all;
}

std::vector<AddressRange> ranges() {
  std::vector<AddressRange> all;
  for (const auto first : points())
    for (const auto size : points())
      if (const auto range = AddressRange::create(first, size)) all.push_back(*range);
  return all;
}

Wide end(const AddressRange& range) {
  return Wide{range.first()} + range.size();
}

}  // namespace

TEST_CASE("a range is made of bytes that are there, and of no others") {
  unsigned made = 0;
  unsigned refused = 0;
  for (const auto first : points())
    for (const auto size : points()) {
      CAPTURE(first);
      CAPTURE(size);
      const auto range = AddressRange::create(first, size);
      REQUIRE(range.has_value() == (size > 0 && Wide{first} + size <= space_end));
      ++(range ? made : refused);
      if (!range) continue;
      CHECK(range->first() == first);
      CHECK(range->size() == size);
      CHECK(Wide{range->last()} == Wide{first} + size - 1);
    }
  CHECK(made > 100);
  CHECK(refused > 100);
}

TEST_CASE("an address is in a range, or before it, or behind it") {
  for (const auto& range : ranges())
    for (const auto address : points()) {
      const bool inside = address >= range.first() && address < end(range);
      REQUIRE(range.contains(address) == inside);
      if (!inside) continue;
      REQUIRE(range.offset_of(address) + Wide{range.bytes_from(address)} == range.size());
      REQUIRE(range.first() + range.offset_of(address) == address);
    }
}

TEST_CASE("two ranges overlap, or one is in the other, or neither") {
  const auto all = ranges();
  for (const auto& one : all)
    for (const auto& other : all) {
      const bool overlap = one.first() < end(other) && other.first() < end(one);
      REQUIRE(one.overlaps(other) == overlap);
      const bool within = one.first() <= other.first() && end(other) <= end(one);
      REQUIRE(one.contains(other) == within);
      REQUIRE((one == other) == (one.contains(other) && other.contains(one)));
    }
}

TEST_CASE("the range that ends with the space is one like all others") {
  const auto page = AddressRange::create(last_address - 4095, 4096).value();
  CHECK(page.last() == last_address);
  CHECK(page.contains(last_address));
  CHECK_FALSE(page.contains(std::uint64_t{0}));
  CHECK(page.overlaps(AddressRange::create(last_address, 1).value()));
  CHECK_FALSE(page.overlaps(AddressRange::create(0, 4096).value()));
  CHECK_FALSE(AddressRange::create(last_address - 4095, 4097).has_value());
  CHECK(AddressRange::create(0, last_address).has_value());
}

TEST_CASE("bytes fit a whole, none of them too") {
  for (const auto offset : points())
    for (const auto size : points())
      for (const auto whole : points())
        REQUIRE(fits(offset, size, whole) == (Wide{offset} + size <= whole));
  CHECK(fits(16, 0, 16));
  CHECK_FALSE(fits(17, 0, 16));
}
