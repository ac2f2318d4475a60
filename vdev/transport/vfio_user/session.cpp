// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/session.hpp"

#include <boost/asio/post.hpp>

#include "vdev/asio/watch.hpp"
#include "vdev/log/log.hpp"
#include "vdev/os/unix_socket.hpp"

namespace bellwire::vfio_user {
namespace asio = boost::asio;
using asio::posix::descriptor_base;

namespace {
constexpr unsigned most_a_turn = 64;   // requests; other devices want their turn, too
constexpr unsigned most_reported = 8;  // refusals in the log, a client
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
  if (auto watched = watch(ready_, socket_.get()); !watched) return end(watched.error().message);
  function_.memory().use(&link_);
  wait(descriptor_base::wait_read);
}

void Session::wait(Wait what) {
  if (std::exchange(waiting_, true)) return;
  ready_.async_wait(what, [self = shared_from_this()](const boost::system::error_code& error) {
    self->waiting_ = false;
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

void Session::look() {
  for (unsigned count = 0; count < most_a_turn; ++count)
    if (ended() || !turn()) return;
  soon();
}

// It can send nothing any more, so this comes to an end.
void Session::end_if_left() {
  while (!ended() && os::peer_left(socket_.get()))
    if (!turn() && !ended()) end("it left without reading its replies");
}

// One request, or one message of ours. False: there is nothing to do but wait.
bool Session::turn() {
  const auto flushed = writer_.flush(socket_.get());
  if (!flushed) return end(flushed.error().message), false;
  // A client that doesn't read its replies is not asked for more requests.
  if (!*flushed) return wait(descriptor_base::wait_write), false;
  if (take_one()) return true;
  if (ended()) return false;
  // No request waits for its reply: now ours may go.
  if (auto message = link_.next()) return writer_.push({std::move(*message), {}}), true;
  return wait(descriptor_base::wait_read), false;
}

bool Session::take_one() {
  auto message = reader_.next(socket_.get());
  if (!message) return end(message.error().message), false;
  if (!*message) return false;
  take(std::move(**message));
  return true;
}

void Session::take(Message message) {
  if (!message.reply()) return answer(std::move(message));
  if (auto taken = link_.take(message); !taken) end(taken.error().message);
}

void Session::answer(Message request) {
  auto header = request.header;
  const bool agreed = commands_->client().has_value();
  auto reply = commands_->handle(std::move(request));
  if (!reply) report(header, reply.error());
  if (!agreed && commands_->client()) {
    link_.limit(commands_->client()->max_data_xfer_size);
    if (on_client_) on_client_(true);
  }
  if ((header.flags & flags::no_reply) != 0) return;  // rule 51: one too many, and QEMU is lost
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
  auto watch = EventWatch::create(context_, std::move(*event), [this] {
    function_.interrupts().set_masked(pci::InterruptKind::intx, 0, false);
  });
  if (!watch) return watch.error();
  unmask_.emplace(std::move(*watch));
  return {};
}

void Session::report(const Header& header, const Error& error) {
  if (refused_++ >= most_reported) return;
  log::warning("{}: command {} refused: {}{}", name_, header.command, error.message,
               refused_ == most_reported ? " (further ones are not reported)" : "");
}

// The device may ask for memory at any moment of this; there is none any more.
void Session::end(const std::string& reason) {
  if (ended()) return;
  log::info("{}: the client is gone: {}", name_, reason);
  const bool agreed = commands_->client().has_value();
  boost::system::error_code ignored;
  ready_.close(ignored);
  socket_.reset();
  function_.memory().use(nullptr);
  commands_.reset();
  link_.fail(fault(std::errc::bad_address, "the guest is gone"));
  if (agreed && on_client_) on_client_(false);
}

}  // namespace bellwire::vfio_user
