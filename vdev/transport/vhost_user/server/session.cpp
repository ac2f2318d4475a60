// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/server/session.hpp"

#include <boost/asio/post.hpp>
#include <new>

#include "vdev/log/log.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/os/unix_socket.hpp"

namespace bellwire::vhost_user {
namespace asio = boost::asio;
using asio::posix::descriptor_base;

namespace {
constexpr unsigned most_a_turn = 64;  // requests; the rings want their turn, too
constexpr std::uint64_t succeeded = 0, failed = 1;
}  // namespace

Session::Session(asio::io_context& context, os::UniqueFd socket, virtio::Backend& backend,
                 DmaSpace& space, std::string name, std::function<void()> on_gone)
    : context_(context),
      socket_(std::move(socket)),
      ready_(context),
      lost_(context),
      backend_(backend),
      space_(space),
      name_(std::move(name)),
      on_gone_(std::move(on_gone)) {}

void Session::start() {
  log::info("{}: a front-end is here", name_);
  auto loss = os::MemoryLoss::create();
  if (!loss) return fail(loss.error());
  for (const auto& [descriptor, fd] :
       {std::pair(&ready_, socket_.get()), std::pair(&lost_, (*loss)->fd())})
    if (auto watched = watch(*descriptor, fd); !watched) return fail(watched.error());
  commands_.emplace(context_, backend_, space_, std::move(*loss));
  watch_memory();
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

void Session::watch_memory() {
  lost_.async_wait(descriptor_base::wait_read, [self = shared_from_this()](
                                                   const boost::system::error_code& error) {
    if (error) return;
    self->fail(fault(std::errc::io_error, "a file of its memory was truncated while in use"));
  });
}

void Session::soon() {
  if (ended_ || std::exchange(soon_, true)) return;
  asio::post(context_, [self = shared_from_this()] {
    self->soon_ = false;
    self->look();
  });
}

void Session::look() try {
  for (unsigned count = 0; count < most_a_turn; ++count)
    if (ended_ || !turn()) return;
  soon();
} catch (const std::bad_alloc&) {
  fail(fault(std::errc::not_enough_memory, "there is not enough memory to serve it"));
}

// One request. False: there is nothing to do but wait.
bool Session::turn() {
  const auto flushed = writer_.flush(socket_.get());
  if (!flushed) return fail(flushed.error()), false;
  if (!*flushed) return wait(descriptor_base::wait_write), false;
  if (busy_) return false;
  auto message = reader_.next(socket_.get());
  if (!message) return fail(message.error()), false;
  if (!*message) return wait(descriptor_base::wait_read), false;
  take(std::move(**message));
  return true;
}

void Session::take(Message message) {
  busy_ = true;
  const auto header = message.header;
  commands_->handle(std::move(message), [weak = weak_from_this(), header](Result<Reply> result) {
    const auto self = weak.lock();
    if (!self || self->ended_) return;
    self->busy_ = false;
    self->answer(header, std::move(result));
    self->soon();
  });
}

// What was negotiated counts as it is after the request: one that negotiates REPLY_ACK may ask.
void Session::answer(const Header& header, Result<Reply> result) {
  if (!result && result.error().code == std::errc::protocol_error) return fail(result.error());
  const auto& rule = *rule_of(header.request);
  const bool asked = answered(rule, header.flags, commands_->negotiated());
  if (!result) return refused(header, rule, asked, result.error());
  served_ = true;
  if (!asked) return;
  const bool own = rule.answer == Answer::always;
  writer_.push(
      {own ? pack_reply(header.request, result->payload) : pack_reply(header.request, succeeded),
       std::move(result->fds)});
}

// A front-end that does not hear of a refusal would go on as if the request had succeeded. Only
// config space is the guest's own affair.
void Session::refused(const Header& header, const MessageRule& rule, bool asked,
                      const Error& error) {
  log::warning("{}: {} is refused: {}", name_, rule.name, error.message);
  if (rule.request == Request::get_inflight_fd)
    return writer_.push({pack_reply(header.request, Bytes(header.size)), {}});
  if (rule.answer == Answer::always) return end(error.message);
  if (asked) return writer_.push({pack_reply(header.request, failed), {}});
  if (rule.request != Request::set_config) end(error.message);
}

bool Session::leaving() const noexcept {
  return ended_ || os::peer_left(socket_.get());
}

// A front-end that leaves is no fault of its own; any other reason is for whoever reads the log.
void Session::fail(const Error& error) {
  if (ended_) return;
  const bool left =
      error.code == std::errc::connection_reset || error.code == std::errc::broken_pipe;
  if (!left) log::warning("{}: the front-end was dropped: {}", name_, error.message);
  end(error.message);
}

void Session::let_go(const std::string& reason) {
  ended_ = true;
  log::info("{}: the front-end is gone: {}", name_, reason);
  boost::system::error_code ignored;
  ready_.close(ignored);
  lost_.close(ignored);
  socket_.reset();
  reader_ = {};
  writer_ = {};
}

void Session::end(const std::string& reason) {
  if (ended_) return;
  let_go(reason);
  const auto finish = [self = shared_from_this()] {
    self->gone_ = true;
    asio::post(self->context_, [self] {
      self->commands_.reset();
      if (self->on_gone_) self->on_gone_();
    });
  };
  if (!commands_) return finish();
  commands_->close(finish);
}

void Session::end_now(const std::string& reason) {
  on_gone_ = nullptr;
  if (!ended_) let_go(reason);
  if (commands_ && !gone_) commands_->close_now();
  gone_ = true;
  commands_.reset();
}

}  // namespace bellwire::vhost_user
