// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/loop/event_reader.hpp"

#include <boost/asio/detail/reactor.hpp>
#include <boost/asio/detail/reactor_op.hpp>
#include <boost/version.hpp>
#include <optional>
#include <utility>

#if BOOST_VERSION / 100 != 1081
#error "Asio's inner parts may have changed: compile event_reader_plain.cpp instead of this file"
#endif

namespace bellwire {
namespace detail = boost::asio::detail;
using boost::system::error_code;

// The one operation is used again and again; while it waits, it keeps itself and its owner alive.
struct EventReader::Watch {
  struct Read final : detail::reactor_op {
    Read() : reactor_op(error_code(), &perform, &complete) {}

    static status perform(reactor_op* base) {
      auto& read = *static_cast<Read*>(base);
      const auto taken = read.watch->event->drain();
      if (!taken) return not_done;
      read.count = *taken;
      return done_and_exhausted;
    }

    // Without a scheduler the context is being destroyed, and no handler is called any more. The
    // owner may stop while this is queued with a count that was taken here or by wait().
    static void complete(void* scheduler, detail::operation* base, const error_code&, std::size_t) {
      auto& read = *static_cast<Read*>(base);
      const auto watch = std::move(read.watch);
      const auto owner = std::move(read.owner);
      const auto count = std::exchange(read.count, 0);
      if (scheduler != nullptr && !read.ec_ && watch->event) owner->on_event(read.index, count);
    }

    unsigned index = 0;
    std::uint64_t count = 0;  // taken, and not reported yet
    std::shared_ptr<Watch> watch;
    std::shared_ptr<EventOwner> owner;
  };

  Watch(boost::asio::io_context& context, os::EventFd copy, unsigned index)
      : reactor(boost::asio::use_service<detail::reactor>(context)), event(std::move(copy)) {
    read.index = index;
    reactor.init_task();
  }

  [[nodiscard]] int fd() const noexcept { return event ? event->fd() : -1; }

  detail::reactor& reactor;
  detail::reactor::per_descriptor_data data{};
  std::optional<os::EventFd> event;  // until it is stopped
  Read read;
};

EventReader::EventReader(std::shared_ptr<Watch> watch) noexcept : watch_(std::move(watch)) {}
EventReader::EventReader(EventReader&&) noexcept = default;
EventReader::~EventReader() {
  if (watch_) stop();
}

Result<EventReader> EventReader::create(boost::asio::io_context& context, const os::EventFd& event,
                                        unsigned index) {
  auto copy = event.duplicate();
  if (!copy) return copy.error();
  auto watch = std::make_shared<Watch>(context, std::move(*copy), index);
  errno = watch->reactor.register_descriptor(watch->fd(), watch->data);
  if (errno != 0) return system_fault("cannot wait for eventfd {}", event.fd());
  return EventReader(std::move(watch));
}

void EventReader::wait(std::shared_ptr<EventOwner> owner) {
  watch_->read.ec_ = {};
  watch_->read.watch = watch_;
  watch_->read.owner = std::move(owner);
  watch_->reactor.start_op(detail::reactor::read_op, watch_->fd(), watch_->data, &watch_->read,
                           true, true);
}

std::uint64_t EventReader::stop() noexcept {
  if (!watch_->event) return 0;
  watch_->reactor.deregister_descriptor(watch_->fd(), watch_->data, false);
  watch_->reactor.cleanup_descriptor_data(watch_->data);
  watch_->event.reset();
  return std::exchange(watch_->read.count, 0);
}

}  // namespace bellwire
