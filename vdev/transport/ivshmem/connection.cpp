// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/ivshmem/connection.hpp"

#include <span>

#include "vdev/asio/watch.hpp"
#include "vdev/log/log.hpp"
#include "vdev/os/unix_socket.hpp"

namespace bellwire::ivshmem {
namespace asio = boost::asio;
using asio::posix::descriptor_base;

Connection::Connection(asio::io_context& context, os::UniqueFd socket, std::string name,
                       std::vector<Slot::Line> greeting, std::function<void()> left)
    : socket_(std::move(socket)),
      ready_(context),
      name_(std::move(name)),
      greeting_(std::move(greeting)),
      left_(std::move(left)) {}

void Connection::start() {
  log::info("{} came", name_);
  if (auto watched = watch(ready_, socket_.get()); !watched) return drop(watched.error().message);
  send_on();
  if (!gone_) listen();
}

void Connection::send_on() {
  for (; sent_ < greeting_.size(); ++sent_) {
    const auto done = send(socket_.get(), greeting_[sent_].value, greeting_[sent_].fd);
    if (!done) return drop(done.error().message);
    if (!*done) break;
  }
  if (sent_ == greeting_.size()) return;
  ready_.async_wait(descriptor_base::wait_write,
                    [self = shared_from_this()](const boost::system::error_code& error) {
                      if (!error && !self->gone_) self->send_on();
                    });
}

void Connection::listen() {
  ready_.async_wait(descriptor_base::wait_read,
                    [self = shared_from_this()](const boost::system::error_code& error) {
                      if (!error && !self->gone_) self->heard();
                    });
}

// Whatever arrives ends the connection; a descriptor that came along is closed.
void Connection::heard() {
  std::byte byte{};
  const auto got = os::receive_message(socket_.get(), std::span(&byte, 1));
  if (!got) return leave(got.error().message);
  if (!*got) return listen();
  if ((*got)->size == 0) return leave("it left");
  drop("it sent something, which no ivshmem peer does");
}

void Connection::leave(const std::string& reason) {
  drop(reason);
  left_();
}

void Connection::drop_if_left() {
  if (!gone_ && os::hung_up(socket_.get())) leave("it left");
}

void Connection::drop(const std::string& reason) {
  if (std::exchange(gone_, true)) return;
  log::info("{} dropped: {}", name_, reason);
  boost::system::error_code ignored;
  ready_.close(ignored);
  socket_.reset();
}

bool Connection::silent_for(std::chrono::milliseconds time) {
  if (gone_ || std::chrono::steady_clock::now() - since_ < time) return false;
  return sent_ < greeting_.size() || os::has_unread(socket_.get());
}

}  // namespace bellwire::ivshmem
