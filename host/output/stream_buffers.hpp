// SPDX-License-Identifier: BSD-3-Clause
//
// The stream buffers that output goes through: to a descriptor, and compressed. One thread each.
#pragma once

#include <zlib.h>

#include <streambuf>
#include <string>
#include <string_view>
#include <vector>

#include "vdev/os/result.hpp"

namespace bellwire::host {

/// Writes to a descriptor and keeps the number of the first error, which std::ofstream loses. After
/// an error it writes nothing more.
class FdBuffer final : public std::streambuf {
 public:
  /// The descriptor is the caller's, and stays open for as long as the buffer is used.
  explicit FdBuffer(int fd);

  /// Writes what is buffered. False: this write or an earlier one failed.
  bool flush() noexcept;

  /// errno of the first write that failed; 0: none has.
  [[nodiscard]] int error() const noexcept { return error_; }

 protected:
  int_type overflow(int_type next) override;
  int sync() override { return flush() ? 0 : -1; }

 private:
  bool write_all(const char* bytes, std::size_t size) noexcept;

  int fd_;
  int error_ = 0;
  std::vector<char> bytes_;
};

/// Compresses what is written to it, as gzip (RFC 1952), into another buffer, which outlives it.
class GzipBuffer final : public std::streambuf {
 public:
  explicit GzipBuffer(std::streambuf& to);
  GzipBuffer(const GzipBuffer&) = delete;
  ~GzipBuffer() override;

  /// Writes the rest and the trailer. Once. False: the other buffer did not take all.
  bool finish();

 protected:
  int_type overflow(int_type next) override;

 private:
  bool compress(int flush);

  std::streambuf& to_;
  z_stream state_{};
  std::vector<char> in_, out_;
};

[[nodiscard]] bool is_gzip(std::string_view bytes) noexcept;

/// Unpacks gzip. EFBIG: there are more than `most` bytes. EPROTO: it is damaged or cut off.
[[nodiscard]] Result<std::string> gunzip(std::string_view bytes, std::size_t most);

}  // namespace bellwire::host
