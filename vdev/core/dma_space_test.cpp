// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/core/dma_space.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>

using namespace bellwire;

namespace {

constexpr std::uint64_t page = 4096;

MemoryView memory(std::uint64_t size) {
  const auto fd = os::create_memfd("test", size).value();
  return MemoryView(os::Mapping::create(fd.get(), size).value());
}

// Carries to bytes of its own, when the test asks it to.
class Later final : public DmaCarrier {
 public:
  void read(std::uint64_t address, std::span<std::byte> into, DmaDone done) override {
    const auto copy = [this, address, into] {
      std::ranges::copy(std::span(bytes).subspan(address, into.size()), into.begin());
    };
    waiting_.push_back({*AddressRange::create(address, into.size()), copy, std::move(done)});
  }
  void write(std::uint64_t address, std::span<const std::byte> from, DmaDone done) override {
    const auto copy = [this, address, from] {
      std::ranges::copy(from, std::span(bytes).subspan(address).begin());
    };
    waiting_.push_back({*AddressRange::create(address, from.size()), copy, std::move(done)});
  }
  void drop(const AddressRange& range, const Error& why) override {
    std::vector<DmaDone> dropped;
    std::erase_if(waiting_, [&](WaitingCopy& job) {
      if (!job.range.overlaps(range)) return false;
      dropped.push_back(std::move(job.done));
      return true;
    });
    for (const auto& done : dropped) done(why);
  }
  bool carry() {
    if (waiting_.empty()) return false;
    const auto job = std::move(waiting_.front());
    waiting_.pop_front();
    job.copy();
    job.done({});
    return true;
  }

  std::vector<std::byte> bytes = std::vector<std::byte>(4 * page);

 private:
  struct WaitingCopy {
    AddressRange range;
    std::function<void()> copy;
    DmaDone done;
  };
  std::deque<WaitingCopy> waiting_;
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

TEST_CASE("an observer sees transfers, and the use of memory without them") {
  struct Seen final : DmaObserver {
    DmaDone began(bool, std::uint64_t, std::span<const std::byte>, DmaDone done) override {
      ++begun;
      return done;
    }
    void returned() noexcept override { ++returns; }
    void used_directly(std::uint64_t address) noexcept override { direct.push_back(address); }
    unsigned begun = 0, returns = 0;
    std::vector<std::uint64_t> direct;
  } seen;
  DmaSpace space;
  REQUIRE(space.add({.address = 0, .size = page, .memory = memory(page)}).has_value());
  CHECK_FALSE(space.bytes(0, 1).empty());
  space.tell(&seen);
  std::byte byte{};
  space.read(0, std::span(&byte, 1), [](const auto&) {});
  CHECK(seen.begun == 1);
  CHECK(seen.returns == 1);
  CHECK(seen.direct.empty());
  CHECK_FALSE(space.bytes(2, 1).empty());
  CHECK(space.map(3, 1));
  CHECK(seen.direct == std::vector<std::uint64_t>{2, 3});
  space.tell(nullptr);
  CHECK(space.map(3, 1));
  CHECK(seen.direct.size() == 2);
}

TEST_CASE("a server takes all transfers in place of the regions, and ends them at a reset") {
  struct Server final : DmaServer {
    void begin(bool write, std::uint64_t address, std::span<std::byte> bytes,
               DmaDone done) override {
      CHECK_FALSE(write);
      CHECK(address == ~std::uint64_t{0});
      std::ranges::fill(bytes, std::byte{9});
      under_way = std::move(done);
    }
    void cancel() override { under_way(fault(std::errc::operation_canceled, "")); }
    DmaDone under_way;
  } server;
  DmaSpace space;
  space.serve(&server);
  std::array<std::byte, 2> two{};
  Outcome outcome;
  space.read(~std::uint64_t{0}, two, outcome.done());  // where no region could be
  CHECK(outcome.errno_value == -1);
  CHECK(two[1] == std::byte{9});
  space.cancel();
  CHECK(outcome.errno_value == ECANCELED);
  space.serve(nullptr);
  space.read(0, two, outcome.done());
  CHECK(outcome.errno_value == EFAULT);
}

TEST_CASE("bytes are as many as one region has, wherever the last ones were") {
  DmaSpace space;
  const auto low = memory(page), high = memory(2 * page), top = memory(page);
  REQUIRE(space.add({.address = 4 * page, .size = 2 * page, .memory = high}).has_value());
  REQUIRE(space.add({.address = 3 * page, .size = page, .memory = low}).has_value());
  REQUIRE(space.add({.address = 6 * page, .size = page}).has_value());  // not mapped
  REQUIRE(space.add({.address = 7 * page, .size = page, .writable = false, .memory = memory(page)})
              .has_value());
  REQUIRE(space.add({.address = ~page + 1, .size = page, .memory = top}).has_value());
  const auto is = [&](std::uint64_t address, std::uint64_t size, const std::byte* data,
                      std::size_t there) {
    const auto bytes = space.bytes(address, size);
    CHECK(bytes.data() == data);
    CHECK(bytes.size() == there);
  };
  is(3 * page + 5, 8, low.bytes().data() + 5, 8);
  is(3 * page + 5, page, low.bytes().data() + 5, page - 5);  // the next region goes on
  is(4 * page, 2 * page, high.bytes().data(), 2 * page);
  is(6 * page - 1, ~std::uint64_t{0}, high.bytes().data() + 2 * page - 1, 1);
  is(~page + 1, 2 * page, top.bytes().data(), page);
  for (const auto address : {std::uint64_t{0}, 3 * page - 1, 6 * page, 7 * page, 8 * page})
    is(address, 1, nullptr, 0);
  is(3 * page, 0, low.bytes().data(), 0);
  REQUIRE(space.remove(3 * page, page).has_value());
  is(3 * page, 1, nullptr, 0);
  is(4 * page, 1, high.bytes().data(), 1);
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

TEST_CASE("taking a region back ends at once what is carried to or from it, and nothing else") {
  DmaSpace space;
  Later later;
  space.use(&later);
  for (const auto address : {std::uint64_t{0}, page, 2 * page})
    REQUIRE(space.add({.address = address, .size = page}).has_value());
  std::vector<std::byte> bytes(page);
  Outcome before;
  Outcome taken;
  Outcome over;
  Outcome behind;
  space.read(0, bytes, before.done());
  space.read(page, bytes, taken.done());
  space.write(2 * page - 8, std::span(bytes).first(16), over.done());
  space.read(2 * page, bytes, behind.done());
  REQUIRE(space.remove(page, page).has_value());
  CHECK(taken.errno_value == EFAULT);
  CHECK(over.errno_value == EFAULT);
  CHECK(before.errno_value == -1);
  CHECK(behind.errno_value == -1);
  while (later.carry()) {
  }
  CHECK(before.errno_value == 0);
  CHECK(behind.errno_value == 0);
}

TEST_CASE("a transfer that is begun because its region goes ends like the others") {
  DmaSpace space;
  Later later;
  space.use(&later);
  REQUIRE(space.add({.address = 0, .size = page}).has_value());
  std::vector<std::byte> bytes(8);
  Outcome first;
  Outcome last;
  Outcome retried;
  const auto listening =
      space.on_revoke([&](const AddressRange&) { space.read(0, bytes, last.done()); });
  space.read(0, bytes, [&](const Result<void>& result) {
    first.done()(result);
    space.read(0, bytes, retried.done());
  });
  REQUIRE(space.remove(0, page).has_value());
  CHECK(first.errno_value == EFAULT);
  CHECK(last.errno_value == EFAULT);
  CHECK(retried.errno_value == EFAULT);
  CHECK_FALSE(later.carry());
}

TEST_CASE("a reset ends all that is carried, and what is begun because of that") {
  DmaSpace space;
  Later later;
  space.use(&later);
  REQUIRE(space.add({.address = 0, .size = page}).has_value());
  std::vector<std::byte> bytes(8);
  Outcome first;
  Outcome retried;
  space.read(0, bytes, [&](const Result<void>& result) {
    first.done()(result);
    space.read(0, bytes, retried.done());
  });
  space.cancel();
  CHECK(first.errno_value == ECANCELED);
  CHECK(retried.errno_value == ECANCELED);
  CHECK_FALSE(later.carry());
  Outcome after;
  space.read(0, bytes, after.done());
  CHECK(later.carry());
  CHECK(after.errno_value == 0);
}

TEST_CASE("memory up to 2^64 is used and taken back like any other") {
  constexpr auto last = ~std::uint64_t{0};
  constexpr auto top = last - page + 1;
  DmaSpace space;
  std::vector<std::uint64_t> revoked;
  const auto listening =
      space.on_revoke([&](const AddressRange& region) { revoked.push_back(region.last()); });
  REQUIRE(space.add({.address = 0, .size = page, .memory = memory(page)}).has_value());
  REQUIRE(space.add({.address = top, .size = page, .memory = memory(page)}).has_value());
  CHECK(space.map(top, page).has_value());
  CHECK(space.map(last, 1).has_value());
  CHECK_FALSE(space.map(last, 2).has_value());
  std::vector<std::byte> bytes(page);
  Outcome outcome;
  space.write(top, bytes, outcome.done());
  CHECK(outcome.errno_value == 0);
  space.read(last - 3, std::span(bytes).first(8), outcome.done());  // it doesn't go on at 0
  CHECK(outcome.errno_value == EFAULT);
  REQUIRE(space.remove(top, page).has_value());
  CHECK(revoked == std::vector<std::uint64_t>{last});
  CHECK_FALSE(space.map(last, 1).has_value());
}

TEST_CASE("a guest that answers nothing has a bounded number of transfers") {
  DmaSpace space;
  Later later;
  space.use(&later);
  REQUIRE(space.add({.address = 0, .size = page}).has_value());
  std::vector<std::byte> bytes(1);
  unsigned refused = 0;
  for (int count = 0; count < 5000; ++count)
    space.read(0, bytes, [&](const Result<void>& result) {
      if (!result) refused += result.error().code == std::errc::no_buffer_space ? 1 : 1000;
    });
  CHECK(refused == 5000 - 1024);
  while (later.carry()) {
  }
  Outcome again;
  space.read(0, bytes, again.done());
  CHECK(later.carry());
  CHECK(again.errno_value == 0);
}

TEST_CASE("listeners are called before a region goes, and a view outlives it") {
  DmaSpace space;
  std::vector<std::uint64_t> revoked;
  const auto listening = space.on_revoke([&](const AddressRange& region) {
    CHECK(space.map(region.first(), 1).has_value());  // it is there still
    revoked.push_back(region.first());
  });
  for (const auto address : {std::uint64_t{0}, 8 * page})
    REQUIRE(space.add({.address = address, .size = page, .memory = memory(page)}).has_value());
  const auto view = *space.map(8 * page, page);
  CHECK(space.remove(8 * page, 2 * page).has_error());
  CHECK(revoked.empty());
  REQUIRE(space.remove(8 * page, page).has_value());
  CHECK_FALSE(space.map(8 * page, 1));
  view.bytes()[0] = std::byte{1};
  space.clear();
  CHECK(revoked == std::vector<std::uint64_t>{8 * page, 0});
}

TEST_CASE("listeners are called for a region that is added, once it is there") {
  DmaSpace space;
  unsigned calls = 0;
  const auto listening = space.on_add([&](const AddressRange& region) {
    CHECK(region == *AddressRange::create(page, page));
    CHECK(space.bytes(page, page).size() == page);
    ++calls;
  });
  REQUIRE(space.add({.address = page, .size = page, .memory = memory(page)}).has_value());
  CHECK(space.add({.address = page, .size = page}).has_error());
  CHECK(calls == 1);
}

TEST_CASE("regions that are empty or wrap, or overlap, are refused") {
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
