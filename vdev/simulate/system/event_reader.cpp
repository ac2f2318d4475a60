// SPDX-License-Identifier: BSD-3-Clause
//
// In place of vdev/loop/event_reader.cpp: it waits on a Loop for a count of the world's.
#include "vdev/loop/event_reader.hpp"

#include "vdev/simulate/loop.hpp"

namespace bellwire {

using simulate::Loop;
using simulate::Time;
using simulate::World;

struct EventReader::Watch final : simulate::Source {
  Watch(Loop& on, os::EventFd watched, unsigned number)
      : loop(on), event(std::move(watched)), index(number) {
    loop.add(*this);
    World::current()->set_reader(event->fd(), &loop.process());
  }
  ~Watch() { loop.remove(*this); }

  [[nodiscard]] std::optional<Time> ready() const noexcept override {
    if (!owner || World::current()->count(event->fd()) == 0) return std::nullopt;
    return Time::min();
  }

  void handle() override {
    const auto called = std::exchange(owner, nullptr);
    if (const auto count = event->drain())
      called->on_event(index, *count);
    else
      owner = called;
  }

  Loop& loop;
  std::optional<os::EventFd> event;  // until it is stopped
  const unsigned index;
  std::shared_ptr<EventOwner> owner;
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
  return EventReader(std::make_shared<Watch>(Loop::of(context), std::move(*copy), index));
}

void EventReader::wait(std::shared_ptr<EventOwner> owner) {
  watch_->owner = std::move(owner);
}

std::uint64_t EventReader::stop() noexcept {
  if (!watch_->event) return 0;
  World::current()->set_reader(watch_->event->fd(), nullptr);
  watch_->owner.reset();
  watch_->event.reset();
  return 0;
}

}  // namespace bellwire
