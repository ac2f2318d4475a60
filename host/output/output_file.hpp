// SPDX-License-Identifier: BSD-3-Clause
//
// OutputFile: a file that a program writes. It is written beside its target, and takes the target's
// place in commit(), when it is whole and on the disk. Dropped before that, it is gone and the
// older file is as it was; so it is after SIGINT, SIGTERM or SIGHUP, unless the program handles
// them.
//
// Symbolic links are followed: the file that they lead to is replaced, the links stay. The new file
// has the older one's owner and permissions, or what the umask says. What is not a regular file
// (a device, a FIFO, an open descriptor by way of /dev/stdout) is written directly, never removed.
//
// The folder may be renamed meanwhile: the file stays in it.
//
// A name that ends in ".gz" is written compressed. One thread.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <ostream>
#include <string>

#include "host/output/stream_buffers.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::host {

/// Whether both paths lead to the same regular file, or would if it existed. What is not a regular
/// file can be written more than once.
[[nodiscard]] bool same_file(const std::string& one, const std::string& other);

class OutputFile {
 public:
  /// Everything that can be checked early is checked here: EACCES, ENOENT, EISDIR and the like.
  [[nodiscard]] static Result<OutputFile> create(const std::string& path);

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  /// Where its content goes. What can't be written sets its badbit, and is reported by commit().
  [[nodiscard]] std::ostream& stream() noexcept { return *stream_; }

  /// Writes what it can so far. What has failed is reported here: the rest needn't be made.
  [[nodiscard]] Result<void> flush();

  /// Once, when the content is whole. ENOSPC, EIO and the like: the older file is as it was.
  [[nodiscard]] Result<void> commit();

  /// Whether standard output leads to the same file: then nothing else should be printed there.
  [[nodiscard]] bool is_standard_output() const noexcept;

 private:
  class Temporary;

  OutputFile(std::string path, os::UniqueFd fd, std::unique_ptr<Temporary> temporary);
  [[nodiscard]] Error cannot_write() const;
  [[nodiscard]] bool finish();

  std::string path_;  // as the user named it
  os::UniqueFd fd_;
  std::unique_ptr<Temporary> temporary_;  // null: the target itself is written
  std::unique_ptr<FdBuffer> buffer_;
  std::unique_ptr<GzipBuffer> gzip_;  // null: not compressed
  std::unique_ptr<std::ostream> stream_;
};

}  // namespace bellwire::host
