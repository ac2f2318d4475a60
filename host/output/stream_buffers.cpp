// SPDX-License-Identifier: BSD-3-Clause
#include "host/output/stream_buffers.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <new>

namespace bellwire::host {
namespace {

constexpr std::size_t buffer_size = std::size_t{64} << 10;

// Whoever handed the descriptor over may have made it non-blocking.
void wait_until_writable(int fd) noexcept {
  pollfd event{.fd = fd, .events = POLLOUT, .revents = 0};
  ::poll(&event, 1, -1);
}

constexpr int gzip_window = 16 + MAX_WBITS;  // zlib's code for gzip's header
constexpr int memory_level = 8;              // zlib's default

Bytef* bytes_of(char* text) noexcept {
  return reinterpret_cast<Bytef*>(text);
}

// Ends with its scope.
struct Inflater {
  Inflater() {
    if (::inflateInit2(&state, gzip_window) != Z_OK) throw std::bad_alloc();
  }
  Inflater(const Inflater&) = delete;
  ~Inflater() { ::inflateEnd(&state); }
  z_stream state{};
};

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

GzipBuffer::GzipBuffer(std::streambuf& to) : to_(to), in_(buffer_size), out_(buffer_size) {
  if (::deflateInit2(&state_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window, memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  setp(in_.data(), in_.data() + in_.size());
}

GzipBuffer::~GzipBuffer() {
  ::deflateEnd(&state_);
}

bool GzipBuffer::finish() {
  return compress(Z_FINISH);
}

GzipBuffer::int_type GzipBuffer::overflow(int_type next) {
  if (!compress(Z_NO_FLUSH)) return traits_type::eof();
  if (!traits_type::eq_int_type(next, traits_type::eof())) sputc(traits_type::to_char_type(next));
  return traits_type::not_eof(next);
}

bool GzipBuffer::compress(int flush) {
  state_.next_in = bytes_of(in_.data());
  state_.avail_in = static_cast<uInt>(pptr() - pbase());
  setp(in_.data(), in_.data() + in_.size());
  do {
    state_.next_out = bytes_of(out_.data());
    state_.avail_out = static_cast<uInt>(out_.size());
    if (::deflate(&state_, flush) == Z_STREAM_ERROR) return false;
    const auto size = static_cast<std::streamsize>(out_.size() - state_.avail_out);
    if (to_.sputn(out_.data(), size) != size) return false;
  } while (state_.avail_out == 0);
  return true;
}

bool is_gzip(std::string_view bytes) noexcept {
  return bytes.starts_with("\x1f\x8b");
}

// A file may consist of several gzip members; together they are one text.
Result<std::string> gunzip(std::string_view bytes, std::size_t most) {
  std::string text;
  std::array<char, buffer_size> out{};
  for (std::size_t done = 0; done < bytes.size();) {
    Inflater inflater;
    auto& state = inflater.state;
    for (int status = Z_OK; status != Z_STREAM_END;) {
      const auto left =
          std::min<std::size_t>(bytes.size() - done, std::numeric_limits<uInt>::max());
      state.next_in = reinterpret_cast<z_const Bytef*>(const_cast<char*>(bytes.data() + done));
      state.avail_in = static_cast<uInt>(left);
      state.next_out = bytes_of(out.data());
      state.avail_out = static_cast<uInt>(out.size());
      status = ::inflate(&state, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END)
        return fault(std::errc::protocol_error, "its gzip is damaged or cut off at byte {}", done);
      done += left - state.avail_in;
      text.append(out.data(), out.size() - state.avail_out);
      if (text.size() > most)
        return fault(std::errc::file_too_large, "unpacked it has more than {} bytes", most);
    }
  }
  return text;
}

}  // namespace bellwire::host
