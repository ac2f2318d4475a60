// SPDX-License-Identifier: BSD-3-Clause
//
// Unix stream sockets, and bytes on them that bring descriptors along.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vdev/os/result.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bellwire::os {

/// The most descriptors that one message can bring: the kernel's SCM_MAX_FD.
constexpr std::size_t most_fds = 253;

/// A socket in the file system that others connect to. It appears there only once it is served, so
/// that whoever sees the file can connect; dropping the object removes it.
class Listener {
 public:
  /// Takes over a socket that a dead process left behind. ENAMETOOLONG; EADDRINUSE: somebody
  /// serves it; EEXIST: the path is something else.
  [[nodiscard]] static Result<Listener> create(const std::string& path);

  Listener(Listener&& other) noexcept = default;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  struct Connection {
    UniqueFd socket;        ///< non-blocking
    std::string peer_name;  ///< see connect_unix()
  };

  /// The next connection; empty when none waits. EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection
  /// still waits. asio/acceptor.hpp goes on after these.
  [[nodiscard]] Result<std::optional<Connection>> accept();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

 private:
  Listener(UniqueFd socket, std::string path, dev_t device, ino_t inode)
      : socket_(std::move(socket)), path_(std::move(path)), device_(device), inode_(inode) {}
  UniqueFd socket_;
  std::string path_;
  dev_t device_;
  ino_t inode_;
};

/// Connects to `path`, and waits up to `patience` for a place in its queue of connections. The
/// other side sees `name` as the address that the connection came from (it is bound in the abstract
/// namespace, so it leaves no file); two connections can't have the same at once. Empty: no name.
/// ENOENT, ECONNREFUSED: nobody serves it. EAGAIN: the queue is full. EINTR: a signal came.
[[nodiscard]] Result<UniqueFd> connect_unix(const std::string& path, const std::string& name,
                                            std::chrono::milliseconds patience = {});

/// Sends all of `bytes`, with `fd` unless it is negative. False: the socket is full, nothing was
/// sent. A temporary() error: nothing was sent, but it may be later. Another: the connection is of
/// no use any more.
[[nodiscard]] Result<bool> send_message(int socket, std::span<const std::byte> bytes, int fd);

/// What arrived: up to `bytes.size()` bytes and the first descriptor among them; further ones are
/// closed.
struct Received {
  std::size_t size = 0;  ///< 0: the peer has gone
  UniqueFd fd;
};

/// Empty when nothing waits. EMFILE, ENFILE: a descriptor came for which there is no room; it and
/// its bytes stay in the socket until there is (unless another thread takes the room just then).
[[nodiscard]] Result<std::optional<Received>> receive_message(int socket,
                                                              std::span<std::byte> bytes);

/// What arrived, with all descriptors among it.
struct Parcel {
  std::size_t size = 0;  ///< 0: the peer has gone
  std::vector<UniqueFd> fds;
};

/// As receive_message(), with one system call instead of two: so EMFILE and ENFILE mean that what
/// came is lost.
[[nodiscard]] Result<std::optional<Parcel>> receive_parcel(int socket, std::span<std::byte> bytes);

/// Sends as many of `bytes` as there is room for, the `fds` with the first of them, and says how
/// many: 0 when the socket is full, and then no descriptor went. Errors as of send_message();
/// ETOOMANYREFS says how many descriptors may be on their way.
[[nodiscard]] Result<std::size_t> send_parcel(int socket, std::span<const std::byte> bytes,
                                              std::span<const int> fds = {});

/// Receives bytes and lets go of every descriptor that came with them, without ever having it.
/// Empty when nothing waits; 0: the peer has gone.
[[nodiscard]] Result<std::optional<std::size_t>> receive_bytes(int socket,
                                                               std::span<std::byte> bytes);

/// Makes the room for what is sent and not yet read as small as it can be: a few messages. Then a
/// peer that does not read holds only their descriptors in flight.
void send_little(int socket) noexcept;

/// Whether the peer of a connection has been sent something that it has not read.
[[nodiscard]] bool has_unread(int socket) noexcept;

/// Whether the peer of a connection has gone, and left nothing to read.
[[nodiscard]] bool hung_up(int socket) noexcept;

/// Whether the peer of a connection has gone; it may have left something to read.
[[nodiscard]] bool peer_left(int socket) noexcept;

}  // namespace bellwire::os
