// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/loop/acceptor.hpp"

#include <array>
#include <boost/asio/post.hpp>

#include "vdev/loop/asio.hpp"
#include "vdev/loop/retry.hpp"

namespace bellwire {
namespace asio = boost::asio;
using asio::posix::descriptor_base;

namespace {

constexpr unsigned most_per_turn =
    64;  // connections per turn; the loop's other handlers run in between

// A connection needs its socket and the duplicate that waits for it; the third is for its owner's
// log or files.
Result<void> room_for_one(int any_fd) {
  std::array<os::UniqueFd, 3> room;
  for (auto& fd : room) {
    fd = os::duplicate(any_fd);
    if (!fd.valid()) return system_fault("no descriptors left for a connection");
  }
  return {};
}

}  // namespace

struct Acceptor::Impl : std::enable_shared_from_this<Acceptor::Impl> {
  Impl(asio::io_context& io, os::Listener served, Take taker)
      : context(io),
        listener(std::move(served)),
        readable(io),
        retry(io, listener.path()),
        take(std::move(taker)) {}

  void wait() {
    readable.async_wait(descriptor_base::wait_read,
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          if (!error) self->turn();
                        });
  }

  void turn() {
    for (unsigned count = 0; count < most_per_turn; ++count) {
      if (!readable.is_open()) return;
      const auto taken = take_one();
      if (!taken) return retry.after(taken.error(), [self = shared_from_this()] { self->turn(); });
      retry.worked();
      if (!*taken) return wait();
    }
    asio::post(context, [self = shared_from_this()] { self->turn(); });
  }

  // False: none waits.
  Result<bool> take_one() {
    if (auto room = room_for_one(listener.fd()); !room) return room.error();
    auto connection = listener.accept();
    if (!connection) return connection.error();
    if (!*connection) return false;
    take(std::move(**connection));
    return true;
  }

  void close() noexcept {
    boost::system::error_code ignored;
    readable.close(ignored);
    retry.stop();
  }

  asio::io_context& context;
  os::Listener listener;
  asio::posix::stream_descriptor readable;  // a duplicate of the listener, for waiting only
  Retry retry;
  Take take;
};

Acceptor::Acceptor(std::shared_ptr<Impl> state) noexcept : state_(std::move(state)) {}
Acceptor::Acceptor(Acceptor&&) noexcept = default;
Acceptor& Acceptor::operator=(Acceptor&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
Acceptor::~Acceptor() {
  if (state_) state_->close();
}

Result<Acceptor> Acceptor::create(asio::io_context& context, os::Listener listener, Take take) {
  auto state = std::make_shared<Impl>(context, std::move(listener), std::move(take));
  if (auto watched = watch(state->readable, state->listener.fd()); !watched) return watched.error();
  state->wait();
  return Acceptor(std::move(state));
}

}  // namespace bellwire
