// SPDX-License-Identifier: BSD-3-Clause
//
// Acceptor: accepts the connections of a listening socket on Asio's loop, until it is dropped.
// After a temporary error of accept() the connections stay in the kernel's queue, and are accepted
// once the error has passed (retry.hpp). It accepts only while this process has enough descriptors
// to serve a connection, so that none is accepted only to be dropped.
//
// On the thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "vdev/os/unix_socket.hpp"

namespace bellwire {

class Acceptor {
 public:
  using Take = std::function<void(os::Listener::Connection)>;

  /// `take` is called with each connection, until the acceptor is dropped. EMFILE; ENOSPC, ENOMEM:
  /// the kernel watches no more descriptors for this user.
  [[nodiscard]] static Result<Acceptor> create(boost::asio::io_context& context,
                                               os::Listener listener, Take take);
  Acceptor(Acceptor&&) noexcept;
  Acceptor& operator=(Acceptor&&) noexcept;
  ~Acceptor();

 private:
  struct Impl;
  explicit Acceptor(std::shared_ptr<Impl> state) noexcept;
  std::shared_ptr<Impl> state_;
};

}  // namespace bellwire
