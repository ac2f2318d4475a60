// SPDX-License-Identifier: BSD-3-Clause
//
// EventReader on Asio's public interface alone, for versions of Boost that event_reader.cpp was not
// tested with. It has an epoll instance of its own, which reports a ring once, as Asio's reactor
// does; Asio waits for that. It costs a descriptor and a system call more per ring.
#include <sys/epoll.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <optional>
#include <utility>

#include "vdev/loop/asio.hpp"
#include "vdev/loop/event_reader.hpp"

namespace bellwire {
namespace asio = boost::asio;

struct EventReader::Watch : std::enable_shared_from_this<Watch> {
  Watch(asio::io_context& io, os::EventFd copy, os::UniqueFd edges, unsigned number)
      : context(io), event(std::move(copy)), epoll(std::move(edges)), readable(io), index(number) {}

  // Whether the kernel has reported a ring since the last call, and its count was still there.
  bool take() {
    epoll_event ready{};
    if (::epoll_wait(epoll.get(), &ready, 1, 0) <= 0) return false;
    const auto taken = event->drain();
    count = taken.value_or(0);
    return taken.has_value();
  }

  // Handlers, not the watch, keep the owner alive: so both go if the context does.
  void wait(std::shared_ptr<EventOwner> owner) {
    if (!event) return;
    if (take())
      return asio::post(
          context, [self = shared_from_this(), owner = std::move(owner)] { self->report(*owner); });
    readable.async_wait(asio::posix::descriptor_base::wait_read,
                        [self = shared_from_this(),
                         owner = std::move(owner)](const boost::system::error_code& error) mutable {
                          if (error || !self->event) return;
                          if (self->take())
                            self->report(*owner);
                          else
                            self->wait(std::move(owner));
                        });
  }

  void report(EventOwner& owner) {
    if (event) owner.on_event(index, std::exchange(count, 0));
  }

  asio::io_context& context;
  std::optional<os::EventFd> event;  // until it is stopped
  os::UniqueFd epoll;
  asio::posix::stream_descriptor readable;  // a duplicate of the epoll instance, for waiting only
  unsigned index;
  std::uint64_t count = 0;  // taken, and not reported yet
};

EventReader::EventReader(std::shared_ptr<Watch> watch) noexcept : watch_(std::move(watch)) {}
EventReader::EventReader(EventReader&&) noexcept = default;
EventReader::~EventReader() {
  if (watch_) stop();
}

Result<EventReader> EventReader::create(asio::io_context& context, const os::EventFd& event,
                                        unsigned index) {
  auto copy = event.duplicate();
  if (!copy) return copy.error();
  os::UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return system_fault("cannot create an epoll instance");
  epoll_event edges{.events = EPOLLIN | EPOLLET, .data = {}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, copy->fd(), &edges) != 0)
    return system_fault("cannot wait for eventfd {}", event.fd());
  auto reader = std::make_shared<Watch>(context, std::move(*copy), std::move(epoll), index);
  if (auto watched = watch(reader->readable, reader->epoll.get()); !watched) return watched.error();
  return EventReader(std::move(reader));
}

void EventReader::wait(std::shared_ptr<EventOwner> owner) {
  watch_->wait(std::move(owner));
}

std::uint64_t EventReader::stop() noexcept {
  if (!watch_->event) return 0;
  boost::system::error_code ignored;
  watch_->readable.close(ignored);
  watch_->epoll.reset();
  watch_->event.reset();
  return std::exchange(watch_->count, 0);
}

}  // namespace bellwire
