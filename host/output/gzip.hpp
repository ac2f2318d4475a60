// SPDX-License-Identifier: BSD-3-Clause
//
// gzip, as RFC 1952 has it: what other tools write and read as ".gz".
#pragma once

#include <zlib.h>

#include <streambuf>
#include <string>
#include <string_view>
#include <vector>

#include "vdev/os/result.hpp"

namespace bellwire::host {

/// Compresses what is written to it into another buffer, which outlives it.
class GzipBuffer final : public std::streambuf {
 public:
  explicit GzipBuffer(std::streambuf& to);
  GzipBuffer(const GzipBuffer&) = delete;
  ~GzipBuffer() override;

  /// Writes the rest, and the end. Once. False: the other buffer took not all.
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

/// EFBIG: it is more than `most` bytes. EPROTO: it is damaged, or cut off.
[[nodiscard]] Result<std::string> gunzip(std::string_view bytes, std::size_t most);

}  // namespace bellwire::host
