// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/written_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "vdev/testing/process.hpp"

using namespace bellwire;
using bellwire::os::WrittenFile;

namespace {

bool begins_with_x(std::span<const std::byte> first) {
  return first.front() == std::byte{'x'};
}

std::string refused(const std::string& path) {
  const auto file = WrittenFile::create(path, begins_with_x);
  return file ? "" : file.error().message;
}

}  // namespace

TEST_CASE("a file is written through its parts, and cut at its end") {
  const testing::TemporaryFolder folder;
  const auto path = folder.file("written");
  {
    const auto file = WrittenFile::create(path, begins_with_x).value();
    const auto first = file.map(0, 8192).value();
    const auto second = file.map(4096, 8192).value();
    std::fill_n(first.data(), 8192, std::byte{'x'});
    CHECK(second.data()[0] == std::byte{'x'});  // the same bytes
    second.data()[4096] = std::byte{'y'};
    REQUIRE(file.cut(8193).has_value());
  }
  std::ifstream in(path, std::ios::binary);
  const std::string all(std::istreambuf_iterator<char>(in), {});
  CHECK(all == std::string(8192, 'x') + "y");
}

TEST_CASE("one process writes a file, and only over what it may replace") {
  const testing::TemporaryFolder folder;
  const auto path = folder.file("written");
  std::ofstream(path) << "something else";
  CHECK(refused(path).find("is something else") != std::string::npos);
  std::ofstream(path) << "x";
  {
    const auto file = WrittenFile::create(path, begins_with_x).value();
    CHECK(std::filesystem::file_size(path) == 0);
    CHECK(refused(path).find("another process does") != std::string::npos);
  }
  CHECK(refused(path).empty());
  CHECK(refused("/dev/null").find("not a regular file") != std::string::npos);
  CHECK(refused(folder.path()).find("Is a directory") != std::string::npos);
  const auto fifo = folder.file("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(refused(fifo).find("not a regular file") != std::string::npos);
}

TEST_CASE("whoever shortens a file meanwhile spoils the file alone") {
  const testing::TemporaryFolder folder;
  const auto path = folder.file("written");
  const auto file = WrittenFile::create(path, begins_with_x).value();
  const auto memory = file.map(0, 8192).value();
  std::filesystem::resize_file(path, 0);
  memory.data()[5000] = std::byte{'x'};
  CHECK(std::filesystem::file_size(path) == 0);
}
