// SPDX-License-Identifier: BSD-3-Clause
#include "host/output/fd_buffer.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace bellwire::host {
namespace {

constexpr std::size_t buffer_size = std::size_t{64} << 10;

// Whoever handed the descriptor over may have made it non-blocking.
void wait_until_writable(int fd) noexcept {
  pollfd event{.fd = fd, .events = POLLOUT, .revents = 0};
  ::poll(&event, 1, -1);
}

}  // namespace

FdBuffer::FdBuffer(int fd) : fd_(fd), bytes_(buffer_size) {
  setp(bytes_.data(), bytes_.data() + bytes_.size());
}

bool FdBuffer::flush() noexcept {
  const auto size = static_cast<std::size_t>(pptr() - pbase());
  setp(bytes_.data(), bytes_.data() + bytes_.size());
  return error_ == 0 && write_all(bytes_.data(), size);
}

FdBuffer::int_type FdBuffer::overflow(int_type next) {
  if (!flush()) return traits_type::eof();
  if (!traits_type::eq_int_type(next, traits_type::eof())) sputc(traits_type::to_char_type(next));
  return traits_type::not_eof(next);
}

bool FdBuffer::write_all(const char* bytes, std::size_t size) noexcept {
  while (size > 0) {
    const auto written = ::write(fd_, bytes, size);
    if (written >= 0) {
      bytes += written;
      size -= static_cast<std::size_t>(written);
    } else if (errno == EAGAIN) {
      wait_until_writable(fd_);
    } else if (errno != EINTR) {
      error_ = errno;
      return false;
    }
  }
  return true;
}

}  // namespace bellwire::host
