// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/memory_guard.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "vdev/os/memory.hpp"

using namespace bellwire::os;

namespace {

constexpr std::size_t size = 4 * 4096;

// A file that anybody may shorten, and does.
struct Shrinking {
  UniqueFd fd;
  Mapping mapping;

  static Shrinking create() {
    UniqueFd fd(::memfd_create("shrinking", MFD_CLOEXEC));
    REQUIRE(::ftruncate(fd.get(), size) == 0);
    auto mapping = Mapping::create(fd.get(), size).value();
    return {std::move(fd), std::move(mapping)};
  }
  [[nodiscard]] std::span<std::byte> bytes() const { return {mapping.data(), size}; }
  void shrink() const { REQUIRE(::ftruncate(fd.get(), 0) == 0); }
};

}  // namespace

TEST_CASE("guarded memory that is taken away becomes zeroes, and its guard says so") {
  const auto lost = Shrinking::create();
  const auto kept = Shrinking::create();
  const auto guard = MemoryGuard::create(lost.bytes()).value();
  const auto other = MemoryGuard::create(kept.bytes()).value();
  std::ranges::fill(lost.bytes(), std::byte{7});
  kept.bytes()[0] = std::byte{8};
  lost.shrink();
  CHECK_FALSE(guard.lost());
  CHECK(lost.bytes()[size - 1] == std::byte{0});
  CHECK(guard.lost());
  lost.bytes()[4096] = std::byte{9};  // and can be written: nobody has to check each touch
  CHECK(lost.bytes()[4096] == std::byte{9});
  CHECK_FALSE(other.lost());
  CHECK(kept.bytes()[0] == std::byte{8});
}

TEST_CASE("a guard that was dropped guards no more, and its place is free again") {
  for (std::size_t round = 0; round < 2 * MemoryGuard::most; ++round) {
    const auto memory = Shrinking::create();
    const auto guard = MemoryGuard::create(memory.bytes()).value();
    memory.shrink();
    CHECK(memory.bytes()[0] == std::byte{0});
    CHECK(guard.lost());
  }
}

TEST_CASE("a bus error elsewhere still ends the process") {
  const auto memory = Shrinking::create();
  const auto guarded = Shrinking::create();
  const auto guard = MemoryGuard::create(guarded.bytes()).value();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    memory.shrink();
    ::_exit(static_cast<int>(*static_cast<volatile std::byte*>(memory.bytes().data())));
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
}
