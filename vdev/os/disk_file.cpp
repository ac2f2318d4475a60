// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/disk_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "vdev/os/memory.hpp"

namespace bellwire::os {
namespace {

constexpr std::uint64_t sector = 512;

// Which of QEMU's permissions a disk needs, and which it lets no other process have.
enum Permission : off_t { reading = 0, writing = 1, resizing = 3 };
constexpr off_t done_bytes = 100;
constexpr off_t excluded_bytes = 200;
constexpr Permission excluded[] = {writing, resizing};

// How long a process that was killed may keep its locks.
constexpr std::chrono::milliseconds look_at_locks_again{10};
constexpr int most_looks = 100;

bool in_memory(int fd) noexcept {
  struct statfs where {};
  return ::fstatfs(fd, &where) == 0 && where.f_type == TMPFS_MAGIC;
}

struct flock byte_lock(short type, off_t byte) {
  return {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1, .l_pid = 0};
}

Error open_fault(const std::string& path, bool read_only) {
  if (errno == ENOENT)
    return system_fault("cannot open the disk '{}' (create it with: truncate -s 1G '{}')", path,
                        path);
  if (!read_only && (errno == EACCES || errno == EROFS || errno == EPERM))
    return system_fault("cannot open the disk '{}' for writing (--read-only does without)", path);
  return system_fault("cannot open the disk '{}'", path);
}

Error in_use(const std::string& path) {
  return fault(std::errc::device_or_resource_busy,
               "another process uses the disk '{}' (lslocks shows which): end it, or serve a copy",
               path);
}

}  // namespace

DiskFile::DiskFile(UniqueFd fd, std::string name, bool read_only)
    : fd_(std::move(fd)),
      name_(std::move(name)),
      read_only_(read_only),
      in_memory_(os::in_memory(fd_.get())) {}

Result<DiskFile> DiskFile::open(const std::string& path, bool read_only) {
  UniqueFd fd(::open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return open_fault(path, read_only);
  struct stat is {};
  if (::fstat(fd.get(), &is) != 0) return system_fault("cannot look at the disk '{}'", path);
  if (!S_ISREG(is.st_mode) && !S_ISBLK(is.st_mode))
    return fault(S_ISDIR(is.st_mode) ? std::errc::is_a_directory : std::errc::invalid_argument,
                 "the disk '{}' is no file and no block device: name one", path);
  DiskFile file(std::move(fd), path, read_only);
  if (auto good = file.check_size(); !good) return good.error();
  if (auto locked = file.lock(); !locked) return locked.error();
  return file;
}

Result<DiskFile> DiskFile::of_memory(std::uint64_t size) {
  if (size == 0 || size % sector != 0)
    return fault(std::errc::invalid_argument,
                 "a disk of {} bytes: choose a multiple of {}, such as 64M", size, sector);
  auto fd = create_memfd("disk", size);
  if (!fd) return fd.error();
  return DiskFile(std::move(*fd), "memory", false);
}

Result<std::uint64_t> DiskFile::size() const {
  const auto end = ::lseek(fd_.get(), 0, SEEK_END);
  if (end < 0) return system_fault("cannot find out how large the disk '{}' is", name_);
  return static_cast<std::uint64_t>(end);
}

Result<void> DiskFile::check_size() const {
  const auto bytes = size();
  if (!bytes) return bytes.error();
  if (*bytes > 0 && *bytes % sector == 0) return {};
  return fault(std::errc::invalid_argument,
               "the disk '{}' has {} bytes, which is not a multiple of {}: extend it with: "
               "truncate -s {} '{}'",
               name_, *bytes, sector, *bytes == 0 ? "1G" : text("%{}", sector), name_);
}

// First the own bytes, then a look at the others': of two processes at once at least one sees the
// other. A file system that has no locks has no users of them either. A process that was killed has
// its locks until the kernel has ended its I/O, some time after its parent knows that it is gone:
// whoever starts it again at once must not be told that the disk is in use.
Result<void> DiskFile::lock() const {
  const Permission all[] = {reading, writing};
  const auto done = std::span(all).first(read_only_ ? 1 : 2);
  const auto set = [this](off_t byte) {
    auto lock = byte_lock(F_RDLCK, byte);
    return ::fcntl(fd_.get(), F_OFD_SETLK, &lock) == 0;
  };
  const auto taken = [this](off_t byte) {
    auto lock = byte_lock(F_WRLCK, byte);
    return ::fcntl(fd_.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  };
  for (const auto permission : done) set(done_bytes + permission);
  for (const auto permission : excluded) set(excluded_bytes + permission);
  const auto conflict = [&] {
    return std::ranges::any_of(done, [&](auto one) { return taken(excluded_bytes + one); }) ||
           std::ranges::any_of(excluded, [&](auto one) { return taken(done_bytes + one); });
  };
  for (int looks = 0; conflict(); ++looks) {
    if (looks == most_looks) return in_use(name_);
    std::this_thread::sleep_for(look_at_locks_again);
  }
  return {};
}

}  // namespace bellwire::os
