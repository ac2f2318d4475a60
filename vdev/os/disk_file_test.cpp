// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/disk_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "vdev/testing/process.hpp"

using namespace bellwire;
using bellwire::os::DiskFile;

namespace {

std::string make_file(const testing::TemporaryFolder& folder, std::uint64_t size) {
  const auto path = folder.file("disk");
  std::ofstream(path).flush();
  std::filesystem::resize_file(path, size);
  return path;
}

// What a refusal says.
std::string refusal(const std::string& path, bool read_only = false) {
  const auto file = DiskFile::open(path, read_only);
  return file ? "" : file.error().message;
}

bool contains(const std::string& whole, const std::string& words) {
  return whole.find(words) != std::string::npos;
}

// As QEMU locks a byte: by the open file.
void lock_byte(int fd, off_t byte) {
  struct flock lock = {
      .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1, .l_pid = 0};
  REQUIRE(::fcntl(fd, F_OFD_SETLK, &lock) == 0);
}

}  // namespace

TEST_CASE("a disk that can't be one is refused, with the remedy") {
  const testing::TemporaryFolder folder;
  const auto path = folder.file("disk");
  CHECK(contains(refusal(path), "create it with: truncate -s 1G"));
  CHECK(contains(refusal(folder.path().string(), true), "is no file and no block device"));
  CHECK(contains(refusal("/dev/null"), "is no file and no block device"));
  std::ofstream(path) << "a few bytes";
  CHECK(contains(refusal(path), "has 11 bytes, which is not a multiple of 512"));
  CHECK(contains(refusal(path), "truncate -s %512"));
  std::filesystem::resize_file(path, 0);
  CHECK(contains(refusal(path), "truncate -s 1G"));
  CHECK(DiskFile::of_memory(1000).has_error());
  CHECK(DiskFile::of_memory(0).has_error());
}

TEST_CASE("a disk tells its size, also when it has grown") {
  const testing::TemporaryFolder folder;
  const auto path = make_file(folder, 4096);
  const auto file = DiskFile::open(path, false).value();
  CHECK(file.size().value() == 4096);
  std::filesystem::resize_file(path, 8192);
  CHECK(file.size().value() == 8192);
  CHECK_FALSE(file.read_only());
  CHECK(DiskFile::of_memory(512).value().in_memory());
}

TEST_CASE("one process writes a disk, or several read it") {
  const testing::TemporaryFolder folder;
  const auto path = make_file(folder, 512);
  {
    const auto writer = DiskFile::open(path, false).value();
    CHECK(contains(refusal(path), "another process uses the disk"));
    CHECK(contains(refusal(path, true), "another process uses the disk"));
  }
  const auto reader = DiskFile::open(path, true).value();
  CHECK(refusal(path, true) == "");
  CHECK(contains(refusal(path), "another process uses the disk"));
}

TEST_CASE("QEMU's locks are respected, and seen by it") {
  const testing::TemporaryFolder folder;
  const auto path = make_file(folder, 512);
  const auto lock_as_qemu = [&path](off_t byte) {
    os::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    lock_byte(fd.get(), byte);
    return fd;
  };
  for (const off_t byte : {101, 103, 200}) {
    const auto qemu = lock_as_qemu(byte);  // it writes, it resizes, or lets nobody read
    CHECK(contains(refusal(path, true), "another process uses the disk"));
  }
  {
    const auto qemu = lock_as_qemu(201);  // it lets nobody write
    CHECK(refusal(path, true) == "");
    CHECK(contains(refusal(path), "another process uses the disk"));
  }
  const auto ours = DiskFile::open(path, false).value();
  const os::UniqueFd qemu(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  for (const off_t byte : {100, 101, 201, 203}) {
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1, .l_pid = 0};
    REQUIRE(::fcntl(qemu.get(), F_OFD_GETLK, &lock) == 0);
    CHECK(lock.l_type == F_RDLCK);
  }
}
