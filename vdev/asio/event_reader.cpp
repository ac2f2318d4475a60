// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/asio/event_reader.hpp"

#include <unistd.h>

#include <boost/asio/detail/reactor.hpp>
#include <boost/asio/detail/reactor_op.hpp>
#include <utility>

#include "vdev/os/unique_fd.hpp"

namespace bellwire {
namespace detail = boost::asio::detail;
using boost::system::error_code;

// The one operation is used again and again; while it waits, it keeps itself and its owner alive.
struct EventReader::Watch {
  struct Read final : detail::reactor_op {
    Read() : reactor_op(error_code(), &perform, &complete) {}

    static status perform(reactor_op* base) {
      auto& read = *static_cast<Read*>(base);
      const bool taken = ::read(read.fd, &read.count, sizeof read.count) == sizeof read.count;
      return taken ? done_and_exhausted : not_done;
    }

    // Without a scheduler the context is going, and nobody is called any more.
    static void complete(void* scheduler, detail::operation* base, const error_code&, std::size_t) {
      auto& read = *static_cast<Read*>(base);
      const auto watch = std::move(read.watch);
      const auto owner = std::move(read.owner);
      if (scheduler != nullptr && !read.ec_) owner->on_event(read.index, read.count);
    }

    int fd = -1;
    unsigned index = 0;
    std::uint64_t count = 0;
    std::shared_ptr<Watch> watch;
    std::shared_ptr<EventOwner> owner;
  };

  Watch(boost::asio::io_context& context, os::UniqueFd copy, unsigned index)
      : reactor(boost::asio::use_service<detail::reactor>(context)), event(std::move(copy)) {
    read.fd = event.get();
    read.index = index;
    reactor.init_task();
  }

  detail::reactor& reactor;
  detail::reactor::per_descriptor_data data{};
  os::UniqueFd event;
  Read read;
};

EventReader::EventReader(std::shared_ptr<Watch> watch) noexcept : watch_(std::move(watch)) {}
EventReader::EventReader(EventReader&&) noexcept = default;
EventReader::~EventReader() {
  if (watch_) stop();
}

Result<EventReader> EventReader::create(boost::asio::io_context& context, int fd, unsigned index) {
  os::UniqueFd copy = os::duplicate(fd);
  if (!copy.valid()) return system_fault("cannot duplicate descriptor {}", fd);
  auto watch = std::make_shared<Watch>(context, std::move(copy), index);
  errno = watch->reactor.register_descriptor(watch->event.get(), watch->data);
  if (errno != 0) return system_fault("cannot wait for descriptor {}", fd);
  return EventReader(std::move(watch));
}

void EventReader::wait(std::shared_ptr<EventOwner> owner) {
  watch_->read.ec_ = {};
  watch_->read.watch = watch_;
  watch_->read.owner = std::move(owner);
  watch_->reactor.start_op(detail::reactor::read_op, watch_->event.get(), watch_->data,
                           &watch_->read, true, true);
}

void EventReader::stop() noexcept {
  watch_->reactor.deregister_descriptor(watch_->event.get(), watch_->data, false);
  watch_->reactor.cleanup_descriptor_data(watch_->data);
  watch_->event.reset();
}

}  // namespace bellwire
