// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/server.hpp"

#include <optional>

#include "vdev/log/log.hpp"
#include "vdev/loop/acceptor.hpp"
#include "vdev/os/shared_event.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/transport/vfio_user/server/session.hpp"

namespace bellwire::vfio_user {
namespace asio = boost::asio;

// The socket, and who is on it.
struct Server::State {
  State(asio::io_context& io, pci::Function& device, ServerOptions told)
      : context(io), function(device), options(std::move(told)) {}

  void seat(os::UniqueFd socket) {
    if (session) session->end_if_left();
    if (session && !session->ended())
      return log::warning("{}: a second client was turned away", options.path);
    session = std::make_shared<Session>(context, std::move(socket), function, options.path,
                                        options.on_client);
    session->start();
  }

  void close() {
    acceptor.reset();
    if (session) session->end("the server stops");
  }

  asio::io_context& context;
  std::optional<Acceptor> acceptor;
  pci::Function& function;
  ServerOptions options;
  std::shared_ptr<Session> session;  // the last one; it may have ended
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
  auto state = std::make_shared<State>(context, function, std::move(options));
  auto acceptor =
      Acceptor::create(context, std::move(*listener), [weak = std::weak_ptr(state)](auto came) {
        if (const auto server = weak.lock()) server->seat(std::move(came.socket));
      });
  if (!acceptor) return acceptor.error();
  state->acceptor = std::move(*acceptor);
  return Server(std::move(state));
}

}  // namespace bellwire::vfio_user
