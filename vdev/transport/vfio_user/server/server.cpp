// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/server.hpp"

#include <boost/asio/post.hpp>
#include <new>
#include <optional>

#include "vdev/log/log.hpp"
#include "vdev/loop/acceptor.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/os/unix_socket.hpp"

namespace bellwire::vfio_user {
namespace asio = boost::asio;
using asio::posix::descriptor_base;

namespace {
constexpr unsigned most_per_turn =
    64;  // requests per turn; the loop's other handlers run in between
// While a client has left fewer bytes unread than this, more requests are taken from it. A single
// message of ours never reaches it: otherwise a client that does not read because it waits for room
// to send would wait forever.
constexpr std::size_t most_unsent = std::size_t{1} << 20;
static_assert(most_unsent > 2 * most_dma_transfer);
}  // namespace

Session::Session(asio::io_context& context, os::UniqueFd socket, pci::Function& function,
                 std::string name, std::function<void(bool)> on_client)
    : context_(context),
      socket_(std::move(socket)),
      ready_(context),
      function_(function),
      name_(std::move(name)),
      on_client_(std::move(on_client)),
      commands_(std::in_place, function,
                [this](std::optional<os::EventFd> event) { return unmask_by(std::move(event)); }),
      link_([this] { soon(); }) {}

void Session::start() {
  if (auto admitted = function_.access().admit_client(); !admitted) {
    log::warning("{}: a client is turned away: {}", name_, admitted.error().message);
    return end(admitted.error().message);
  }
  if (auto watched = watch(ready_, socket_.get()); !watched) return end(watched.error().message);
  owes_since_ = std::chrono::steady_clock::now();
  wait(descriptor_base::wait_read);
}

void Session::wait(Wait what) {
  bool& waits = what == descriptor_base::wait_read ? waits_to_read_ : waits_to_write_;
  if (std::exchange(waits, true)) return;
  ready_.async_wait(what,
                    [self = shared_from_this(), &waits](const boost::system::error_code& error) {
                      waits = false;
                      if (!error) self->look();
                    });
}

void Session::soon() {
  if (ended() || std::exchange(soon_, true)) return;
  asio::post(context_, [self = shared_from_this()] {
    self->soon_ = false;
    self->look();
  });
}

// A client's requests may need more memory than there is: then this client is dropped, and no
// other.
void Session::look() try {
  for (unsigned count = 0; count < most_per_turn; ++count)
    if (ended() || !turn()) return;
  soon();
} catch (const std::bad_alloc&) {
  fail(fault(std::errc::not_enough_memory, "there is not enough memory to serve it"));
}

// The client can send nothing more, so this loop ends.
void Session::end_if_left() {
  while (!ended() && os::peer_left(socket_.get()))
    if (!turn() && !ended()) end("it left without reading its replies");
}

void Session::end_if_stalled(std::chrono::milliseconds time) {
  if (ended() || !owes_since_ || std::chrono::steady_clock::now() - *owes_since_ < time) return;
  fail(fault(std::errc::timed_out,
             "it did not send {} within {} ms, and another client needs its place",
             reader_.began() ? "the rest of a message" : "its version", time.count()));
}

// One request, or one message of ours. False: there is nothing to do but wait.
bool Session::turn() {
  const auto flushed = writer_.flush(socket_.get());
  if (!flushed) return fail(flushed.error()), false;
  if (!*flushed) wait(descriptor_base::wait_write);
  const bool asks = writer_.unsent() < most_unsent;
  if (asks && take_one()) return true;
  if (ended()) return false;
  // No request waits for its reply: now our own messages may be sent.
  if (*flushed)
    if (auto message = link_.next()) return writer_.push({std::move(*message), {}}), true;
  if (asks) wait(descriptor_base::wait_read);
  return false;
}

bool Session::take_one() {
  auto message = reader_.next(socket_.get());
  if (!message) return fail(message.error()), false;
  if (!*message) {
    if (reader_.began() && !owes_since_) owes_since_ = std::chrono::steady_clock::now();
    return false;
  }
  take(std::move(**message));
  if (owes_since_ && !ended() && commands_->client()) owes_since_.reset();
  return true;
}

void Session::take(Message message) {
  if (!message.reply()) return answer(std::move(message));
  if (auto taken = link_.take(message); !taken) fail(taken.error());
}

void Session::answer(Message request) {
  auto header = request.header;
  const bool agreed = commands_->client().has_value();
  auto reply = commands_->handle(std::move(request));
  if (!reply)
    log::warning("{}: command {} refused: {}", name_, header.command, reply.error().message);
  if (!agreed && commands_->client()) {
    // If a client accepts no data in messages, there is no DMA by messages.
    if (const auto most = commands_->client()->max_data_xfer_size; most > 0) {
      link_.limit(most);
      function_.memory().use(&link_);
    }
    if (on_client_) on_client_(true);
  }
  if ((header.flags & flags::no_reply) != 0)
    return;  // rule 51: one reply too many desynchronises QEMU
  header.flags = flags::reply;
  header.error = 0;
  if (reply) return writer_.push({pack(header, reply->payload), std::move(reply->fds)});
  header.flags |= flags::error;
  header.error = static_cast<std::uint32_t>(reply.error().code.value());
  writer_.push({pack(header, {}), {}});
}

Result<void> Session::unmask_by(std::optional<os::EventFd> event) {
  unmask_.reset();
  if (!event) return {};
  auto watch = EventWatch::create(context_, *event, [this] {
    function_.interrupts().set_masked(pci::InterruptKind::intx, 0, false);
  });
  if (!watch) return watch.error();
  unmask_.emplace(std::move(*watch));
  return {};
}

// A client that leaves is not an error; any other reason goes to the log.
void Session::fail(const Error& error) {
  if (ended()) return;
  const bool left =
      error.code == std::errc::connection_reset || error.code == std::errc::broken_pipe;
  if (!left) log::warning("{}: the client was dropped: {}", name_, error.message);
  end(error.message);
}

// The device may access the guest's memory at any point of this; there is none any more.
void Session::end(const std::string& reason) {
  if (ended()) return;
  log::info("{}: the client is gone: {}", name_, reason);
  const bool agreed = commands_->client().has_value();
  boost::system::error_code ignored;
  ready_.close(ignored);
  socket_.reset();
  reader_ = {};
  writer_ = {};
  function_.memory().use(nullptr);
  commands_.reset();
  link_.fail(fault(std::errc::bad_address, "the guest is gone"));
  if (agreed && on_client_) on_client_(false);
}

namespace asio = boost::asio;

// The socket and its client.
struct Server::Impl {
  Impl(asio::io_context& io, pci::Function& device, ServerOptions chosen)
      : context(io), function(device), options(std::move(chosen)) {}

  void seat(os::UniqueFd socket) {
    if (session) session->end_if_left();
    if (session) session->end_if_stalled(options.stall_time);
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

Server::Server(std::shared_ptr<Impl> state) noexcept : state_(std::move(state)) {}
Server::Server(Server&&) noexcept = default;
Server::~Server() {
  if (state_) state_->close();
}

Result<Server> Server::create(asio::io_context& context, pci::Function& function,
                              ServerOptions options) {
  if (auto prepared = os::prepare_signals(); !prepared) return prepared.error();
  auto listener = os::Listener::create(options.path);
  if (!listener) return listener.error();
  auto state = std::make_shared<Impl>(context, function, std::move(options));
  auto acceptor =
      Acceptor::create(context, std::move(*listener), [weak = std::weak_ptr(state)](auto came) {
        if (const auto server = weak.lock()) server->seat(std::move(came.socket));
      });
  if (!acceptor) return acceptor.error();
  state->acceptor = std::move(*acceptor);
  return Server(std::move(state));
}

}  // namespace bellwire::vfio_user
