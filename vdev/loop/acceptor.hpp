// SPDX-License-Identifier: BSD-3-Clause
//
// Acceptor: takes the connections of a listening socket, on Asio's loop, for as long as it lives.
// Whatever error accept() has, the connections stay in the kernel's queue and are taken when it has
// passed (retry.hpp). It accepts only while a connection can be given the descriptors that it
// needs, so that nobody is taken out of the queue in order to be dropped.
//
// On the thread that runs the context. Dropping it ends it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "vdev/os/unix_socket.hpp"

namespace bellwire {

class Acceptor {
 public:
  using Take = std::function<void(os::Listener::Connection)>;

  /// `take` gets each connection, until the acceptor is dropped. EMFILE; ENOSPC, ENOMEM: the kernel
  /// watches no more descriptors for this user.
  [[nodiscard]] static Result<Acceptor> create(boost::asio::io_context& context,
                                               os::Listener listener, Take take);
  Acceptor(Acceptor&&) noexcept;
  Acceptor& operator=(Acceptor&&) noexcept;
  ~Acceptor();

 private:
  struct State;
  explicit Acceptor(std::shared_ptr<State> state) noexcept;
  std::shared_ptr<State> state_;
};

}  // namespace bellwire
