// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/server/backend_channel.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include "vdev/log/log.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/transport/vhost_user/protocol/framing.hpp"

namespace bellwire::vhost_user {
namespace asio = boost::asio;

struct BackendChannel::Impl : std::enable_shared_from_this<BackendChannel::Impl> {
  Impl(asio::io_context& context, os::UniqueFd taken)
      : socket(std::move(taken)), writable(context) {}

  void send() {
    const auto flushed = writer.flush(socket.get());
    if (!flushed) return fail(flushed.error());
    if (*flushed) return;
    writable.async_wait(asio::posix::descriptor_base::wait_write,
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          if (!error) self->send();
                        });
  }

  void fail(const Error& error) {
    log::warning("the front-end no longer hears of changes of the config space: {}", error.message);
    close();
  }

  void close() noexcept {
    boost::system::error_code ignored;
    writable.close(ignored);
    socket.reset();
  }

  os::UniqueFd socket;
  asio::posix::stream_descriptor writable;  // a duplicate, for waiting only
  FrameWriter writer;
};

BackendChannel::BackendChannel(std::shared_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
BackendChannel::BackendChannel(BackendChannel&&) noexcept = default;
BackendChannel& BackendChannel::operator=(BackendChannel&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}
BackendChannel::~BackendChannel() {
  if (impl_) impl_->close();
}

Result<BackendChannel> BackendChannel::create(asio::io_context& context, os::UniqueFd socket) {
  if (auto checked = os::check_stream_socket(socket.get()); !checked) return checked.error();
  auto impl = std::make_shared<Impl>(context, std::move(socket));
  if (auto watched = watch(impl->writable, impl->socket.get()); !watched) return watched.error();
  return BackendChannel(std::move(impl));
}

// What waits to be sent says it already. The answer is not needed, so none is asked for.
void BackendChannel::config_changed() {
  if (!impl_->socket.valid() || !impl_->writer.empty()) return;
  impl_->writer.push({pack(BackendRequest::config_change_msg, std::span<const std::byte>()), {}});
  impl_->send();
}

}  // namespace bellwire::vhost_user
