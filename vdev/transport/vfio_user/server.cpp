// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "vdev/asio/watch.hpp"
#include "vdev/log/log.hpp"
#include "vdev/os/shared_event.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/transport/vfio_user/session.hpp"

namespace bellwire::vfio_user {
namespace asio = boost::asio;
using asio::posix::descriptor_base;

namespace {
constexpr auto accept_pause = std::chrono::milliseconds(100);
}

// The socket, and who is on it.
struct Server::State : std::enable_shared_from_this<Server::State> {
  State(asio::io_context& io, os::Listener served, pci::Function& device, ServerOptions told)
      : context(io),
        listener(std::move(served)),
        function(device),
        options(std::move(told)),
        readable(io),
        pause(io) {}

  void accept_on() {
    readable.async_wait(descriptor_base::wait_read,
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          if (!error && !self->closed) self->accept_all();
                        });
  }

  void accept_all() {
    for (;;) {
      auto connection = listener.accept();
      if (!connection) return rest(connection.error());
      if (!*connection) return accept_on();
      seat(std::move((*connection)->socket));
    }
  }

  // Out of descriptors: whoever waits stays in the queue until some are free again.
  void rest(const Error& error) {
    log::warning("{}; trying again", error.message);
    pause.expires_after(accept_pause);
    pause.async_wait([self = shared_from_this()](const boost::system::error_code& stopped) {
      if (!stopped && !self->closed) self->accept_on();
    });
  }

  void seat(os::UniqueFd socket) {
    if (session) session->end_if_left();
    if (session && !session->ended())
      return log::info("{}: a second client was turned away", options.path);
    session = std::make_shared<Session>(context, std::move(socket), function, options.path,
                                        options.on_client);
    session->start();
  }

  void close() {
    closed = true;
    boost::system::error_code ignored;
    readable.close(ignored);
    pause.cancel();
    if (session) session->end("the server stops");
  }

  asio::io_context& context;
  os::Listener listener;
  pci::Function& function;
  ServerOptions options;
  asio::posix::stream_descriptor readable;  // a duplicate of the listener, for waiting only
  asio::steady_timer pause;
  std::shared_ptr<Session> session;  // the last one; it may have ended
  bool closed = false;
};

Server::Server(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
Server::Server(Server&&) noexcept = default;
Server::~Server() {
  if (state_) state_->close();
}

Result<Server> Server::create(asio::io_context& context, pci::Function& function,
                              ServerOptions options) {
  if (auto prepared = os::prepare_signals(); !prepared) return prepared.error();
  auto listener = os::Listener::create(options.path);
  if (!listener) return listener.error();
  auto state = std::make_shared<State>(context, std::move(*listener), function, std::move(options));
  if (auto watched = watch(state->readable, state->listener.fd()); !watched) return watched.error();
  state->accept_on();
  return Server(std::move(state));
}

}  // namespace bellwire::vfio_user
