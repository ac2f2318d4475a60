// SPDX-License-Identifier: BSD-3-Clause
//
// Unix stream sockets: listening, connecting, and messages with and without descriptors. No call
// here blocks, except connect_unix(), up to the time that it is given. Any thread, one per socket.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vdev/os/fd.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::os {

/// The most descriptors that one message can carry: the kernel's SCM_MAX_FD.
constexpr std::size_t most_fds = 253;

/// A listening socket in the file system. The file appears only once the socket accepts
/// connections, so whoever sees it can connect. Dropping the object removes the file.
class Listener {
 public:
  /// Replaces a socket file that a dead process left behind. ENAMETOOLONG; EADDRINUSE: somebody
  /// serves the path; EEXIST: the path is something else.
  [[nodiscard]] static Result<Listener> create(const std::string& path);

  /// Makes the file of the next create() of this path now, under a name of its own in that folder:
  /// the socket will belong to `group`, and its members may open it, too (0660; else 0600). Nobody
  /// can connect before create(). For programs that lose the right to give files away before they
  /// serve; what no create() takes is removed when the process ends. Errors as create(); EPERM:
  /// the process is not in the group and lacks CAP_CHOWN; EINVAL: its user namespace does not map
  /// the group.
  [[nodiscard]] static Result<void> prepare(const std::string& path, gid_t group);

  /// A socket that listens already; its file is somebody else's.
  [[nodiscard]] static Listener adopt(UniqueFd socket);

  Listener(Listener&& other) noexcept = default;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  struct Connection {
    UniqueFd socket;        ///< non-blocking
    std::string peer_name;  ///< see connect_unix()
  };

  /// The next connection. Empty: none is waiting. EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection
  /// stays in the queue; loop/acceptor.hpp retries after these.
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
/// other side sees `name` as the address that the connection came from (bound in the abstract
/// namespace, so it leaves no file; no two connections can have the same name at once; empty: no
/// name). ENOENT, ECONNREFUSED: nobody serves the path. EAGAIN: the queue is full.
/// ECANCELED: `stop`, a descriptor, became readable meanwhile; a negative one never does.
[[nodiscard]] Result<UniqueFd> connect_unix(const std::string& path, const std::string& name,
                                            std::chrono::milliseconds patience = {}, int stop = -1);

/// Waits until `socket` is readable or hung up, or `stop` is readable. A negative one never is.
enum class Waited { readable, stopped, timeout };
[[nodiscard]] Waited wait_for_peer(int socket, std::chrono::milliseconds timeout,
                                   int stop) noexcept;

/// Sends all of `bytes`, with `fd` unless it is negative. False: the socket is full, nothing was
/// sent. A temporary() error: nothing was sent, retry later. Any other error: the connection is
/// unusable from now on.
[[nodiscard]] Result<bool> send_message(int socket, std::span<const std::byte> bytes, int fd);

/// What arrived: up to `bytes.size()` bytes, and the first descriptor among them; further
/// descriptors are closed.
struct Received {
  std::size_t size = 0;  ///< 0: the peer has gone
  UniqueFd fd;
};

/// Empty: nothing is waiting. EMFILE, ENFILE: this process has no room for the descriptor; it and
/// its bytes stay in the socket until there is (unless another thread takes that room first).
[[nodiscard]] Result<std::optional<Received>> receive_message(int socket,
                                                              std::span<std::byte> bytes);

/// What arrived, with all descriptors among it.
struct Parcel {
  std::size_t size = 0;  ///< 0: the peer has gone
  std::vector<UniqueFd> fds;
};

/// As receive_message(), with all descriptors and one system call instead of two; so after EMFILE
/// and ENFILE, what arrived is lost.
[[nodiscard]] Result<std::optional<Parcel>> receive_parcel(int socket, std::span<std::byte> bytes);

/// Sends as many of `bytes` as fit, with `fds` attached to the first of them, and returns how many:
/// 0 when the socket is full, and then no descriptor was sent. Errors as send_message();
/// ETOOMANYREFS names the limit of descriptors in flight.
[[nodiscard]] Result<std::size_t> send_parcel(int socket, std::span<const std::byte> bytes,
                                              std::span<const int> fds = {});

/// Receives bytes and discards the descriptors that came with them, without ever installing them.
/// Empty: nothing is waiting. 0: the peer has gone.
[[nodiscard]] Result<std::optional<std::size_t>> receive_bytes(int socket,
                                                               std::span<std::byte> bytes);

/// Makes the send buffer as small as the kernel allows, a few messages, so that a peer that does
/// not read keeps only their descriptors in flight.
void send_little(int socket) noexcept;

/// Whether a descriptor that somebody handed over is a unix stream socket. EINVAL: it is not.
[[nodiscard]] Result<void> check_stream_socket(int fd);

/// Whether a socket listens.
[[nodiscard]] bool listens(int socket) noexcept;

/// Whether the peer of a connection has not yet read everything that was sent to it.
[[nodiscard]] bool has_unread(int socket) noexcept;

/// Whether the peer of a connection has gone and left nothing to read.
[[nodiscard]] bool hung_up(int socket) noexcept;

/// Whether the peer of a connection has gone; something may be left to read.
[[nodiscard]] bool peer_left(int socket) noexcept;

}  // namespace bellwire::os
