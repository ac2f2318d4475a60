// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/memory.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

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
