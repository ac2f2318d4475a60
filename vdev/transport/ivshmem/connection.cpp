// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/ivshmem/connection.hpp"

#include <span>

#include "vdev/log/log.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/ring/layout.hpp"

namespace bellwire::ivshmem {
namespace {

Result<End> create_end(unsigned id, unsigned vectors) {
  End end{static_cast<Id>(id), {}};
  while (end.vectors.size() < vectors) {
    auto event = os::EventFd::create();
    if (!event) return event.error();
    end.vectors.push_back(std::move(*event).release());
  }
  return end;
}

Result<os::UniqueFd> create_memory(unsigned index, const SwitchboardOptions& options, Id device) {
  auto memory = ring::create_memory(text("bellwire-slot-{}", index), options.memory,
                                    options.vectors, options.entries);
  if (!memory) return memory.error();
  const auto layout = ring::Layout::open(memory->view);
  if (!layout) return layout.error();
  layout->device_line().peer = device;
  return std::move(memory->fd);
}

}  // namespace

Result<Slot> Slot::create(unsigned index, const SwitchboardOptions& options) {
  auto guest = create_end(2 * index, options.vectors);
  if (!guest) return guest.error();
  auto device = create_end(2 * index + 1, options.vectors);
  if (!device) return device.error();
  auto memory = create_memory(index, options, device->id);
  if (!memory) return memory.error();
  return Slot{std::move(*memory), std::move(*guest), std::move(*device)};
}

std::vector<Slot::Line> Slot::greeting(const End& own, const End& other) const {
  std::vector<Line> lines{{protocol_version, -1}, {own.id, -1}, {memory_marker, memory.get()}};
  for (const auto& vector : other.vectors) lines.push_back({other.id, vector.get()});
  for (const auto& vector : own.vectors) lines.push_back({own.id, vector.get()});
  return lines;
}

namespace asio = boost::asio;
using asio::posix::descriptor_base;

Connection::Connection(asio::io_context& context, os::UniqueFd socket, std::string name,
                       std::vector<Slot::Line> greeting, std::function<void()> left)
    : taken_(std::move(socket)),
      socket_(context),
      retry_(context, name),
      name_(std::move(name)),
      greeting_(std::move(greeting)),
      left_(std::move(left)) {}

void Connection::start() {
  log::info("{} connected", name_);
  os::send_little(taken_.get());
  boost::system::error_code error;
  socket_.assign(taken_.get(), error);
  if (error) return drop(text("the kernel cannot wait for its socket: {}", error.message()));
  static_cast<void>(taken_.release());
  send_on();
  if (!gone_) listen();
}

void Connection::send_on() {
  while (sent_ < greeting_.size()) {
    const auto sent = send_next();
    if (!sent && os::temporary(sent.error().code))
      return retry_.after(sent.error(), [self = shared_from_this()] {
        if (!self->gone_) self->send_on();
      });
    if (!sent) return os::peer_left(fd()) ? leave() : drop(sent.error().message);
    retry_.worked();
    if (!*sent) break;
    ++sent_;
  }
  if (sent_ == greeting_.size()) return;
  socket_.async_wait(descriptor_base::wait_write,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error && !self->gone_) self->send_on();
                     });
}

// False: the peer has to read first. The kernel reports a socket as writable when its peer has read
// nearly all messages; send() would still accept a few before that.
Result<bool> Connection::send_next() {
  if (!os::wait_writable(fd(), std::chrono::milliseconds(0))) return false;
  return send(fd(), greeting_[sent_].value, greeting_[sent_].fd);
}

void Connection::listen() {
  socket_.async_wait(descriptor_base::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error && !self->gone_) self->heard();
                     });
}

// Any data ends the connection; a descriptor that came with it is never received.
void Connection::heard() {
  std::byte byte{};
  const auto got = os::receive_bytes(fd(), std::span(&byte, 1));
  if (got && !*got) return listen();
  if (!got || **got == 0) return leave();
  drop("it sent data, which ivshmem peers never do");
}

void Connection::leave() {
  if (gone_) return;
  log::info("{} disconnected", name_);
  end();
  left_();
}

void Connection::drop_if_left() {
  if (!gone_ && os::hung_up(fd())) leave();
}

void Connection::drop(const std::string& reason) {
  if (gone_) return;
  log::warning("{} was dropped: {}", name_, reason);
  end();
}

void Connection::end() {
  gone_ = true;
  retry_.stop();
  boost::system::error_code ignored;
  socket_.close(ignored);
  taken_.reset();
}

bool Connection::silent_for(std::chrono::milliseconds time) {
  return !gone_ && std::chrono::steady_clock::now() - since_ >= time && os::has_unread(fd());
}

}  // namespace bellwire::ivshmem
