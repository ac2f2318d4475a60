// SPDX-License-Identifier: BSD-3-Clause
//
// Server: serves one virtio device to front-ends, by the vhost-user protocol: the back-end's side
// of a unix socket. It listens, connects, or is given a socket that does one of both.
//
// One front-end at a time. One that comes when the last has hung up and its requests are not yet
// completed waits; any other is refused. The listening socket stays open all the while, and a
// connection that ended is made anew (rule 70 of docs/semantics.md).
//
// All on the one thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "vdev/core/dma_space.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/virtio/backend.hpp"

namespace bellwire::vhost_user {

struct ServerOptions {
  std::string path = {};     ///< of the socket; a name for the log if `socket` is given
  bool connect = false;      ///< the front-end listens at `path`; tried again until it does
  os::UniqueFd socket = {};  ///< in place of `path`: it listens, or is connected to a front-end
  /// Called when a front-end that `socket` was connected to has gone: there will be no other.
  std::function<void()> on_end = {};
};

class Server {
 public:
  /// When it returns, a socket that listens is served. `backend` and the memory, which is the
  /// backend's, must outlive the server. ENAMETOOLONG, EADDRINUSE, EEXIST, EMFILE; EINVAL:
  /// `socket` is not a unix stream socket.
  [[nodiscard]] static Result<Server> create(boost::asio::io_context& context,
                                             virtio::Backend& backend, DmaSpace& memory,
                                             ServerOptions options);
  Server(Server&&) noexcept;
  /// Ends the session, and waits for its requests in flight.
  ~Server();

 private:
  struct Impl;
  explicit Server(std::shared_ptr<Impl> impl) noexcept;
  std::shared_ptr<Impl> impl_;
};

}  // namespace bellwire::vhost_user
