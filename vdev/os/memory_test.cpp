// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/memory.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

#include "vdev/os/fd.hpp"

using namespace bellwire::os;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t four_pages = 4 * page;

// A file that its owner can make shorter, as shm_open() gives.
UniqueFd unsealed(std::size_t bytes, unsigned flags = 0) {
  UniqueFd fd(::memfd_create("peer", MFD_CLOEXEC | flags));
  REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(bytes)) == 0);
  return fd;
}

std::shared_ptr<MemoryLoss> new_loss() {
  return MemoryLoss::create().value();
}

// Whether a child that does `work` ends well. What a sanitizer says of its end is nobody's.
template <class Work>
bool ends_well(Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(UniqueFd(::open("/dev/null", O_WRONLY)).get(), STDERR_FILENO);
    work();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// A file that anybody may shorten, and does.
struct Shrinking {
  UniqueFd fd;
  Mapping mapping;

  static Shrinking create() {
    UniqueFd fd(::memfd_create("shrinking", MFD_CLOEXEC));
    REQUIRE(::ftruncate(fd.get(), four_pages) == 0);
    auto mapping = Mapping::create(fd.get(), four_pages).value();
    return {std::move(fd), std::move(mapping)};
  }
  [[nodiscard]] std::span<std::byte> bytes() const { return {mapping.data(), four_pages}; }
  void shrink() const { REQUIRE(::ftruncate(fd.get(), 0) == 0); }
};

}  // namespace

TEST_CASE("memory that is taken away reads as zeros, takes writes, and is reported") {
  const auto fd = unsealed(4 * page);
  const auto loss = new_loss();
  const auto mapping = Mapping::of_peer(fd.get(), 4 * page, loss).value();
  mapping.data()[3 * page] = std::byte{7};
  CHECK_FALSE(loss->happened());
  CHECK_FALSE(wait_readable(loss->fd(), 0ms));
  REQUIRE(::ftruncate(fd.get(), page) == 0);
  CHECK_FALSE(loss->happened());  // nobody touched it yet
  CHECK(mapping.data()[3 * page] == std::byte{0});
  CHECK(loss->happened());
  CHECK(wait_readable(loss->fd(), 0ms));
  for (std::size_t at = 0; at < 4; ++at) mapping.data()[at * page] = std::byte{1};
  CHECK(mapping.data()[3 * page] == std::byte{1});
}

TEST_CASE("a loss is one peer's: other mappings, and those that share its report, stay") {
  const auto lost_fd = unsealed(2 * page), other_fd = unsealed(2 * page);
  const auto loss = new_loss(), other_loss = new_loss();
  const auto lost = Mapping::of_peer(lost_fd.get(), 2 * page, loss).value();
  const auto sibling = Mapping::of_peer(other_fd.get(), page, loss, page).value();
  const auto other = Mapping::of_peer(other_fd.get(), 2 * page, other_loss).value();
  REQUIRE(::ftruncate(lost_fd.get(), 0) == 0);
  lost.data()[0] = std::byte{1};
  CHECK(loss->happened());
  CHECK_FALSE(other_loss->happened());
  sibling.data()[5] = std::byte{9};
  CHECK(other.data()[page + 5] == std::byte{9});
}

TEST_CASE("a mapping that begins and ends inside its file is guarded alone") {
  const auto fd = unsealed(8 * page);
  const auto loss = new_loss(), next_loss = new_loss();
  const auto mapping = Mapping::of_peer(fd.get(), 2 * page, loss, 2 * page).value();
  const auto next = Mapping::of_peer(fd.get(), page + 100, next_loss, 4 * page).value();
  REQUIRE(::ftruncate(fd.get(), 3 * page) == 0);
  mapping.data()[0] = std::byte{1};
  CHECK_FALSE(loss->happened());
  mapping.data()[page] = std::byte{1};
  CHECK(loss->happened());
  CHECK_FALSE(next_loss->happened());
  next.data()[page + 99] = std::byte{1};
  CHECK(next_loss->happened());
}

TEST_CASE("a mapping that was moved is guarded, one that was dropped is not") {
  const auto fd = unsealed(page);
  const auto loss = new_loss();
  {
    auto first = Mapping::of_peer(fd.get(), page, loss).value();
    const auto moved = std::move(first);
    REQUIRE(::ftruncate(fd.get(), 0) == 0);
    moved.data()[0] = std::byte{1};
    CHECK(loss->happened());
  }
  std::vector<std::optional<Mapping>> many;
  const auto big = unsealed(page);
  for (int count = 0; count < 200; ++count)
    many.emplace_back(Mapping::of_peer(big.get(), page, new_loss()).value());
  for (std::size_t at = 50; at < 150; ++at) many[at].reset();
  const auto last_loss = new_loss();
  const auto last = Mapping::of_peer(big.get(), page, last_loss).value();
  REQUIRE(::ftruncate(big.get(), 0) == 0);
  last.data()[0] = std::byte{1};
  CHECK(last_loss->happened());
}

TEST_CASE("all threads that use lost memory go on") {
  const auto fd = unsealed(64 * page);
  const auto loss = new_loss();
  const auto mapping = Mapping::of_peer(fd.get(), 64 * page, loss).value();
  std::atomic<unsigned> touched = 0;
  std::vector<std::jthread> threads;
  for (unsigned id = 0; id < 4; ++id)
    threads.emplace_back([&, id] {
      for (unsigned times = 0; times < 20'000; ++times) {
        std::atomic_ref(mapping.data()[(times * 7 + id) % 64 * page]).store(std::byte{1});
        ++touched;
      }
    });
  while (touched < 1000) std::this_thread::yield();
  REQUIRE(::ftruncate(fd.get(), 0) == 0);
  threads.clear();
  CHECK(touched == 80'000);
}

// Where the machine has set none aside there is nothing to try.
std::optional<Mapping> map_huge_pages(const UniqueFd& fd, std::size_t bytes,
                                      std::shared_ptr<MemoryLoss> loss) {
  if (!fd.valid() || ::ftruncate(fd.get(), 4 << 20) != 0) return std::nullopt;
  auto mapping = Mapping::of_peer(fd.get(), bytes, std::move(loss));
  if (!mapping) return std::nullopt;
  return std::move(*mapping);
}

TEST_CASE("huge pages are guarded, too") {
  constexpr std::size_t huge = 2 << 20;
  const UniqueFd fd(::memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB));
  const auto loss = new_loss();
  const auto mapping = map_huge_pages(fd, huge + page, loss);
  if (!mapping) {
    MESSAGE("no huge pages here");
    return;
  }
  REQUIRE(::ftruncate(fd.get(), 0) == 0);
  mapping->data()[huge] = std::byte{1};
  CHECK(loss->happened());
}

TEST_CASE("a file that has less than it should is refused before it is touched") {
  const auto fd = unsealed(2 * page);
  CHECK(Mapping::of_peer(fd.get(), 3 * page, new_loss()).has_error());
  CHECK(Mapping::of_peer(fd.get(), 2 * page, new_loss(), page).has_error());
  CHECK(Mapping::of_peer(fd.get(), page, new_loss(), ~std::uint64_t{0} - 4095).has_error());
  CHECK(Mapping::of_peer(fd.get(), 0, new_loss()).has_error());
  CHECK(Mapping::of_peer(-1, page, new_loss()).has_error());
}

TEST_CASE("any other SIGBUS ends the process as before") {
  const auto loss = new_loss();
  const auto guarded_fd = unsealed(page);
  const auto guarded = Mapping::of_peer(guarded_fd.get(), page, loss).value();
  const auto fd = unsealed(page);
  const auto own = Mapping::create(fd.get(), page).value();
  REQUIRE(::ftruncate(fd.get(), 0) == 0);
  const auto touch = [](const Mapping& mapping) {
    *const_cast<volatile std::byte*>(mapping.data()) = std::byte{1};
  };
  CHECK_FALSE(ends_well([&] { touch(own); }));
  CHECK_FALSE(ends_well([] { ::raise(SIGBUS); }));
  REQUIRE(::ftruncate(guarded_fd.get(), 0) == 0);
  CHECK(ends_well([&] { touch(guarded); }));
  CHECK_FALSE(loss->happened());
}

TEST_CASE("guarded memory that is taken away becomes zeroes, and its guard says so") {
  const auto lost = Shrinking::create();
  const auto kept = Shrinking::create();
  const auto guard = MemoryGuard::create(lost.bytes()).value();
  const auto other = MemoryGuard::create(kept.bytes()).value();
  std::ranges::fill(lost.bytes(), std::byte{7});
  kept.bytes()[0] = std::byte{8};
  lost.shrink();
  CHECK_FALSE(guard.lost());
  CHECK(lost.bytes()[four_pages - 1] == std::byte{0});
  CHECK(guard.lost());
  lost.bytes()[4096] = std::byte{9};  // and can be written: nobody has to check each touch
  CHECK(lost.bytes()[4096] == std::byte{9});
  CHECK_FALSE(other.lost());
  CHECK(kept.bytes()[0] == std::byte{8});
}

TEST_CASE("a guard that was dropped guards no more, and its place is free again") {
  for (std::size_t round = 0; round < 300; ++round) {
    const auto memory = Shrinking::create();
    const auto guard = MemoryGuard::create(memory.bytes()).value();
    memory.shrink();
    CHECK(memory.bytes()[0] == std::byte{0});
    CHECK(guard.lost());
  }
}

using namespace bellwire::os;

TEST_CASE("two mappings of one memfd are the same memory") {
  const auto fd = create_memfd("test", 8192).value();
  const auto one = Mapping::create(fd.get(), 8192).value();
  const auto other = Mapping::create(fd.get(), 8192).value();
  std::strcpy(reinterpret_cast<char*>(one.data()) + 5000, "over there");
  CHECK(std::strcmp(reinterpret_cast<char*>(other.data()) + 5000, "over there") == 0);
}

TEST_CASE("nobody who gets the descriptor can take the memory away") {
  const auto fd = create_memfd("test", 8192).value();
  CHECK(::ftruncate(fd.get(), 4096) == -1);
  CHECK(errno == EPERM);
  CHECK(file_size(fd.get()).value() == 8192);
}

TEST_CASE("nobody can run our memory as a program, where the kernel can see to it") {
  const UniqueFd probe(::memfd_create("probe", MFD_CLOEXEC | 0x0008));  // MFD_NOEXEC_SEAL
  const auto fd = create_memfd("test", 4096).value();
  struct stat is {};
  REQUIRE(::fstat(fd.get(), &is) == 0);
  CHECK((is.st_mode & 0111) == (probe.valid() ? 0 : 0111));
  CHECK((::fchmod(fd.get(), 0777) != 0) == probe.valid());
}

TEST_CASE("more memory than there is gives an error that says so") {
  const auto fd = create_memfd("test", std::uint64_t{1} << 50);
  REQUIRE(fd.has_error());
  CHECK(fd.error().code == std::errc::not_enough_memory);
  CHECK(fd.error().message.find("ask for less") != std::string::npos);
}

TEST_CASE("a mapping may begin inside its file") {
  const auto fd = create_memfd("test", 3 * 4096).value();
  const auto whole = Mapping::create(fd.get(), 3 * 4096).value();
  const auto end = Mapping::create(fd.get(), 4096, 2 * 4096).value();
  end.data()[1] = std::byte{5};
  CHECK(whole.data()[2 * 4096 + 1] == std::byte{5});
  CHECK(Mapping::create(fd.get(), 4096, 100).has_error());
}

TEST_CASE("our memory is sealed, a plain memfd is not") {
  CHECK(sealed_against_shrinking(create_memfd("test", 4096).value().get()));
  const UniqueFd plain(::memfd_create("plain", MFD_CLOEXEC));
  CHECK_FALSE(sealed_against_shrinking(plain.get()));
  CHECK_FALSE(sealed_against_shrinking(-1));
}
