// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/event_watch.hpp"

#include "vdev/asio/watch.hpp"

namespace bellwire::vfio_user {
namespace asio = boost::asio;

// Handlers that wait share it.
struct EventWatch::State : std::enable_shared_from_this<EventWatch::State> {
  State(asio::io_context& io, os::EventFd watched, std::function<void()> told)
      : event(std::move(watched)), readable(io), on_ring(std::move(told)) {}

  void wait() {
    readable.async_wait(asio::posix::descriptor_base::wait_read,
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          if (error || self->dropped) return;
                          if (self->event.drain()) self->on_ring();
                          if (!self->dropped) self->wait();
                        });
  }

  void drop() {
    dropped = true;
    boost::system::error_code ignored;
    readable.close(ignored);
  }

  os::EventFd event;
  asio::posix::stream_descriptor readable;  // a duplicate, for waiting only
  std::function<void()> on_ring;
  bool dropped = false;
};

EventWatch::EventWatch(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
EventWatch::EventWatch(EventWatch&&) noexcept = default;
EventWatch::~EventWatch() {
  if (state_) state_->drop();
}

Result<EventWatch> EventWatch::create(asio::io_context& context, os::EventFd event,
                                      std::function<void()> on_ring) {
  auto state = std::make_shared<State>(context, std::move(event), std::move(on_ring));
  if (auto watched = watch(state->readable, state->event.fd()); !watched) return watched.error();
  state->wait();
  return EventWatch(std::move(state));
}

}  // namespace bellwire::vfio_user
