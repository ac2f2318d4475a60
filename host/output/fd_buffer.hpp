// SPDX-License-Identifier: BSD-3-Clause
//
// FdBuffer: a stream's buffer that writes to a descriptor and keeps the first error's number, which
// std::ofstream loses. After an error nothing more is written. One thread.
#pragma once

#include <streambuf>
#include <vector>

namespace bellwire::host {

class FdBuffer final : public std::streambuf {
 public:
  /// The descriptor belongs to the caller, and is open as long as the buffer is used.
  explicit FdBuffer(int fd);

  /// Writes what is buffered. False: this or an earlier write failed.
  bool flush() noexcept;

  /// errno of the first write that failed; 0: none did.
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

}  // namespace bellwire::host
