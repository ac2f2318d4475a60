// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/pci/dma_space.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>

using namespace bellwire;
using namespace bellwire::pci;

namespace {

constexpr std::uint64_t page = 4096;

MemoryView memory(std::uint64_t size) {
  const auto fd = os::create_memfd("test", size).value();
  return MemoryView(os::Mapping::create(fd.get(), size).value());
}

// Carries to bytes of its own, when it is told to.
class Later final : public DmaCarrier {
 public:
  void read(std::uint64_t address, std::span<std::byte> into, DmaDone done) override {
    waiting_.push_back([this, address, into, done = std::move(done)] {
      std::ranges::copy(std::span(bytes).subspan(address, into.size()), into.begin());
      done({});
    });
  }
  void write(std::uint64_t address, std::span<const std::byte> from, DmaDone done) override {
    waiting_.push_back([this, address, from, done = std::move(done)] {
      std::ranges::copy(from, std::span(bytes).subspan(address).begin());
      done({});
    });
  }
  bool carry() {
    if (waiting_.empty()) return false;
    const auto job = std::move(waiting_.front());
    waiting_.pop_front();
    job();
    return true;
  }

  std::vector<std::byte> bytes = std::vector<std::byte>(4 * page);

 private:
  std::deque<std::function<void()>> waiting_;
};

struct Outcome {
  int errno_value = -1;  // -1: not done
  DmaDone done() {
    return [this](const Result<void>& result) {
      errno_value = result ? 0 : result.error().code.value();
    };
  }
};

}  // namespace

TEST_CASE("mapped memory is read and written at once, and seen as it is") {
  DmaSpace space;
  const auto view = memory(2 * page);
  REQUIRE(space.add({.address = page, .size = 2 * page, .memory = view}).has_value());
  std::byte byte{0x5A};
  Outcome outcome;
  space.write(page + 7, std::span(&byte, 1), outcome.done());
  CHECK(outcome.errno_value == 0);
  CHECK(view.bytes()[7] == std::byte{0x5A});
  CHECK(space.map(page, 2 * page)->bytes().data() == view.bytes().data());
  CHECK(space.map(2 * page, page)->bytes().data() == view.bytes().data() + page);
  CHECK_FALSE(space.map(2 * page, page + 1));
  CHECK_FALSE(space.map(0, 1));
}

TEST_CASE("a transfer goes over regions that touch, mapped and not") {
  DmaSpace space;
  Later later;
  space.use(&later);
  const auto first = memory(page);
  REQUIRE(space.add({.address = 0, .size = page, .memory = first}).has_value());
  REQUIRE(space.add({.address = page, .size = page}).has_value());
  REQUIRE(space.add({.address = 2 * page, .size = page, .memory = memory(page)}).has_value());
  std::vector<std::byte> bytes(3 * page - 20, std::byte{7});
  Outcome outcome;
  space.write(10, bytes, outcome.done());
  CHECK(outcome.errno_value == -1);
  CHECK(later.carry());
  CHECK(outcome.errno_value == 0);
  CHECK_FALSE(later.carry());
  CHECK(first.bytes()[9] == std::byte{0});
  CHECK(first.bytes()[10] == std::byte{7});
  CHECK(later.bytes[2 * page - 1] == std::byte{7});
  CHECK(space.map(2 * page, page)->bytes()[page - 11] == std::byte{7});
  CHECK(space.map(2 * page, page)->bytes()[page - 10] == std::byte{0});
}

TEST_CASE("memory that isn't there, or may not be used so, is an error") {
  DmaSpace space;
  REQUIRE(space.add({.address = 0, .size = page, .writable = false, .memory = memory(page)})
              .has_value());
  REQUIRE(space.add({.address = page, .size = page}).has_value());
  std::vector<std::byte> bytes(8);
  Outcome outcome;
  space.write(0, bytes, outcome.done());
  CHECK(outcome.errno_value == EACCES);
  CHECK_FALSE(space.map(0, 8));
  space.read(0, bytes, outcome.done());
  CHECK(outcome.errno_value == 0);
  space.read(page, bytes, outcome.done());  // nobody carries
  CHECK(outcome.errno_value == EFAULT);
  space.read(2 * page - 4, bytes, outcome.done());
  CHECK(outcome.errno_value == EFAULT);
  space.read(~std::uint64_t{0} - 3, bytes, outcome.done());
  CHECK(outcome.errno_value == EFAULT);
}

TEST_CASE("a region that goes in the middle of a transfer ends it") {
  DmaSpace space;
  Later later;
  space.use(&later);
  REQUIRE(space.add({.address = 0, .size = page}).has_value());
  REQUIRE(space.add({.address = page, .size = page}).has_value());
  std::vector<std::byte> bytes(2 * page);
  Outcome outcome;
  space.read(0, bytes, outcome.done());
  REQUIRE(space.remove(page, page).has_value());
  CHECK(later.carry());
  CHECK(outcome.errno_value == EFAULT);
}

TEST_CASE("listeners are told before a region goes, and a view outlives it") {
  DmaSpace space;
  std::vector<std::uint64_t> told;
  space.on_revoke([&](std::uint64_t address, std::uint64_t) {
    CHECK(space.map(address, 1).has_value());  // it is there still
    told.push_back(address);
  });
  for (const auto address : {std::uint64_t{0}, 8 * page})
    REQUIRE(space.add({.address = address, .size = page, .memory = memory(page)}).has_value());
  const auto view = *space.map(8 * page, page);
  CHECK(space.remove(8 * page, 2 * page).has_error());
  CHECK(told.empty());
  REQUIRE(space.remove(8 * page, page).has_value());
  CHECK_FALSE(space.map(8 * page, 1));
  view.bytes()[0] = std::byte{1};
  space.clear();
  CHECK(told == std::vector<std::uint64_t>{8 * page, 0});
}

TEST_CASE("regions that are none, or overlap, are refused") {
  DmaSpace space;
  const auto add = [&](std::uint64_t address, std::uint64_t size) {
    const auto added = space.add({.address = address, .size = size});
    return added ? 0 : added.error().code.value();
  };
  CHECK(add(4 * page, 4 * page) == 0);
  CHECK(add(0, 0) == EINVAL);
  CHECK(add(~std::uint64_t{0}, 2) == EINVAL);
  CHECK(add(~std::uint64_t{0} - page + 1, page) == 0);  // up to the end
  CHECK(add(5 * page, page) == EEXIST);
  CHECK(add(0, 5 * page) == EEXIST);
  CHECK(add(0, 100 * page) == EEXIST);
  CHECK(add(7 * page, 2 * page) == EEXIST);
  CHECK(add(0, 4 * page) == 0);
  CHECK(add(8 * page, page) == 0);
  CHECK(space.regions() == 4);
}
