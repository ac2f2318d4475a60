// SPDX-License-Identifier: BSD-3-Clause
//
// WrittenFile: a file that is written through mapped parts of it, so that what was written is kept
// even if the process is killed. One process at a time has it. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "vdev/os/fd.hpp"
#include "vdev/os/memory.hpp"

namespace bellwire::os {

class WrittenFile {
 public:
  /// Makes the file, or empties one whose first bytes, at most 64, `replaceable` approves of; an
  /// empty file needs no approval. EEXIST: it does not. EBUSY: another process writes the file.
  /// EINVAL: it is no regular file. EACCES, ENOENT and the like.
  [[nodiscard]] static Result<WrittenFile> create(
      const std::string& path,
      const std::function<bool(std::span<const std::byte> first)>& replaceable);

  /// `size` bytes from `begin` on, a multiple of the page size. They are on the disk already, so no
  /// access fails for lack of room. ENOSPC, EFBIG, ENOMEM.
  [[nodiscard]] Result<Mapping> map(std::uint64_t begin, std::uint64_t size) const;

  /// Cuts the file there.
  [[nodiscard]] Result<void> cut(std::uint64_t size) const;

 private:
  WrittenFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  UniqueFd fd_;
};

}  // namespace bellwire::os
