// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/event_watch.hpp"

#include "vdev/loop/event_reader.hpp"

namespace bellwire::vfio_user {

// Handlers that wait share it.
struct EventWatch::State final : EventOwner, std::enable_shared_from_this<EventWatch::State> {
  State(EventReader reads, std::function<void()> told)
      : reader(std::move(reads)), on_ring(std::move(told)) {}

  void wait() { reader.wait(shared_from_this()); }

  void on_event(unsigned, std::uint64_t) override {
    on_ring();
    if (!dropped) wait();
  }

  void drop() noexcept {
    dropped = true;
    reader.stop();
  }

  EventReader reader;
  std::function<void()> on_ring;
  bool dropped = false;
};

EventWatch::EventWatch(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
EventWatch::EventWatch(EventWatch&&) noexcept = default;
EventWatch::~EventWatch() {
  if (state_) state_->drop();
}

Result<EventWatch> EventWatch::create(boost::asio::io_context& context, const os::EventFd& event,
                                      std::function<void()> on_ring) {
  auto reader = EventReader::create(context, event, 0);
  if (!reader) return reader.error();
  auto state = std::make_shared<State>(std::move(*reader), std::move(on_ring));
  state->wait();
  return EventWatch(std::move(state));
}

}  // namespace bellwire::vfio_user
