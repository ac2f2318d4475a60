// SPDX-License-Identifier: BSD-3-Clause
//
// DiskFile: a file or block device that is a disk's contents, and the lock on it. It is locked as
// QEMU locks its images, so that no QEMU, no qemu-storage-daemon and no other DiskFile has it at
// the same time, except to read. Dropping it unlocks it, and so does the end of the process.
//
// Any thread. Source: QEMU, block/file-posix.c: the bytes 100 + n are locked for what a process
// does, 200 + n for what it lets no other do; n: 0 reads, 1 writes, 3 resizes.
#pragma once

#include <cstdint>
#include <string>

#include "vdev/os/fd.hpp"

namespace bellwire::os {

class DiskFile {
 public:
  /// Every error says what to do about it. ENOENT, EACCES, EISDIR; EINVAL: its size is 0, or not a
  /// multiple of 512; EBUSY: another process has locked it.
  [[nodiscard]] static Result<DiskFile> open(const std::string& path, bool read_only);
  /// Memory of `size` zeroed bytes. EINVAL: as above. ENOSPC, ENOMEM.
  [[nodiscard]] static Result<DiskFile> of_memory(std::uint64_t size);

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool read_only() const noexcept { return read_only_; }
  /// Bytes, now: the file may have been extended.
  [[nodiscard]] Result<std::uint64_t> size() const;
  /// Whether its bytes are in memory, so that reading and writing never wait.
  [[nodiscard]] bool in_memory() const noexcept { return in_memory_; }

 private:
  DiskFile(UniqueFd fd, std::string name, bool read_only);
  [[nodiscard]] Result<void> lock() const;
  [[nodiscard]] Result<void> check_size() const;
  UniqueFd fd_;
  std::string name_;
  bool read_only_;
  bool in_memory_;
};

}  // namespace bellwire::os
