// SPDX-License-Identifier: BSD-3-Clause
//
// RawClient, for this folder's tests: a client that says exactly what a test tells it to, sense or
// nonsense, and tells what came of it.
#pragma once

#include <sys/ioctl.h>

#include <filesystem>
#include <iterator>
#include <string>

#include "vdev/os/poll.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/transport/vfio_user/server/negotiation.hpp"

namespace bellwire::vfio_user {

/// What came of a message: 0, the errno of the reply, or one of these.
enum Outcome : int { accepted = 0, closed = -1, silence = -2 };

template <class T>
[[nodiscard]] Bytes bytes_of(const T& value) {
  Bytes bytes;
  append(bytes, value);
  return bytes;
}

[[nodiscard]] inline Bytes operator+(Bytes first, const Bytes& second) {
  append(first, second);
  return first;
}

[[nodiscard]] inline std::ptrdiff_t open_fds() {
  const auto begin = std::filesystem::directory_iterator("/proc/self/fd");
  return std::distance(begin, std::filesystem::directory_iterator());
}

class RawClient {
 public:
  explicit RawClient(const std::string& path) : socket_(os::connect_unix(path, "").value()) {}

  /// The first thing that an honest client says.
  RawClient& agree() {
    say(command_header(Command::version, 0), write_version());
    if (outcome() != accepted) throw std::runtime_error("the device does not agree");
    return *this;
  }

  /// The header's size is filled in.
  bool say(Header header, const Bytes& payload, const std::vector<int>& fds = {}) {
    return say_bytes(pack(header, payload), fds);
  }
  /// As it is. False: the other side doesn't take all of it; the rest is lost.
  bool say_bytes(const Bytes& bytes, const std::vector<int>& fds = {}) {
    Writer writer;
    writer.push({bytes, fds});
    for (int tries = 0; tries < 500; ++tries) {
      const auto sent = writer.flush(socket_.get());
      if (!sent || *sent) return sent.has_value();
      (void)os::wait_writable(socket_.get(), std::chrono::milliseconds(10));
    }
    return false;
  }

  /// Waits for a reply, or for the end.
  [[nodiscard]] int outcome(std::chrono::milliseconds patience = std::chrono::seconds(5)) {
    for (;;) {
      auto message = reader_.next(socket_.get());
      if (!message) return closed;
      if (*message) {
        last = std::move(**message);
        return (last.header.flags & flags::error) != 0 ? static_cast<int>(last.header.error) : 0;
      }
      if (!os::wait_readable(socket_.get(), patience)) return silence;
    }
  }

  [[nodiscard]] int ask(Command command, const Bytes& payload, const std::vector<int>& fds = {}) {
    say(command_header(command, 1), payload, fds);
    return outcome();
  }

  /// Answers a request of the device, which is `last`.
  void answer(const Bytes& payload, std::uint32_t error = 0) {
    auto header = last.header;
    header.flags = flags::reply | (error != 0 ? flags::error : 0);
    header.error = error;
    say(header, payload);
  }

  /// Bytes that have come and were not read.
  [[nodiscard]] std::size_t unread() const noexcept {
    int bytes = 0;
    return ::ioctl(socket_.get(), FIONREAD, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
  }

  Message last;

 private:
  os::UniqueFd socket_;
  Reader reader_;
};

}  // namespace bellwire::vfio_user
