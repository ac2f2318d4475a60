// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/server/server.hpp"

#include "vdev/log/log.hpp"
#include "vdev/loop/acceptor.hpp"
#include "vdev/loop/retry.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/transport/vhost_user/server/session.hpp"

namespace bellwire::vhost_user {
namespace asio = boost::asio;

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(asio::io_context& io, virtio::Backend& served, DmaSpace& guest, ServerOptions chosen)
      : context(io),
        backend(served),
        memory(guest),
        options(std::move(chosen)),
        retry(io, options.path) {}

  void seat(os::UniqueFd socket) {
    if (!session || session->gone()) return serve(std::move(socket));
    const bool room = session->leaving() && (!next.valid() || os::peer_left(next.get()));
    if (!room)
      return log::warning("{}: another front-end is refused: one is served already", options.path);
    next = std::move(socket);
  }

  void serve(os::UniqueFd socket) {
    session = std::make_shared<Session>(context, std::move(socket), backend, memory, options.path,
                                        [weak = weak_from_this()] {
                                          if (const auto self = weak.lock()) self->seat_next();
                                        });
    session->start();
  }

  void seat_next() {
    if (next.valid()) return serve(std::move(next));
    if (options.connect) return reconnect();
    if (!acceptor && options.on_end) options.on_end();
  }

  // At once, unless the front-end did not even ask for anything: that could go on for ever.
  void reconnect() {
    if (session->served()) return connect();
    connect_after(fault(std::errc::connection_aborted, "the front-end closed the connection"));
  }

  void connect() {
    auto socket = os::connect_unix(options.path, "");
    if (!socket) return connect_after(socket.error());
    retry.worked();
    serve(std::move(*socket));
  }

  void connect_after(const Error& error) {
    retry.after(error, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->connect();
    });
  }

  Result<void> listen(os::Listener listener) {
    auto made = Acceptor::create(context, std::move(listener),
                                 [weak = weak_from_this()](os::Listener::Connection came) {
                                   if (const auto self = weak.lock())
                                     self->seat(std::move(came.socket));
                                 });
    if (!made) return made.error();
    acceptor = std::move(*made);
    return {};
  }

  Result<void> take_over(os::UniqueFd socket) {
    if (auto checked = os::check_stream_socket(socket.get()); !checked) return checked;
    if (os::listens(socket.get())) return listen(os::Listener::adopt(std::move(socket)));
    serve(std::move(socket));
    return {};
  }

  Result<void> start() {
    if (options.socket.valid()) return take_over(std::move(options.socket));
    if (options.connect) return connect(), Result<void>();
    auto listener = os::Listener::create(options.path);
    if (!listener) return listener.error();
    return listen(std::move(*listener));
  }

  void close() {
    acceptor.reset();
    retry.stop();
    next.reset();
    if (session) session->end_now("the back-end stops");
  }

  asio::io_context& context;
  virtio::Backend& backend;
  DmaSpace& memory;
  ServerOptions options;
  Retry retry;
  std::optional<Acceptor> acceptor;
  std::shared_ptr<Session> session;  // the last one; it may be gone
  os::UniqueFd next;                 // a front-end that waits for that
};

Server::Server(std::shared_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Server::Server(Server&&) noexcept = default;
Server::~Server() {
  if (impl_) impl_->close();
}

Result<Server> Server::create(asio::io_context& context, virtio::Backend& backend, DmaSpace& memory,
                              ServerOptions options) {
  if (auto prepared = os::prepare_signals(); !prepared) return prepared.error();
  auto impl = std::make_shared<Impl>(context, backend, memory, std::move(options));
  if (auto started = impl->start(); !started) return started.error();
  return Server(std::move(impl));
}

}  // namespace bellwire::vhost_user
