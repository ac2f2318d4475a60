// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/runner/runner.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <vector>

#include "vdev/asio/watch.hpp"

namespace bellwire {
namespace asio = boost::asio;

namespace {
constexpr std::chrono::milliseconds tick{100};
}

// Handlers hold it, so that one that is already queued when the runner is dropped finds
// `running` false instead of a dangling device.
struct Runner::State : std::enable_shared_from_this<Runner::State> {
  struct Doorbell {
    os::EventFd event;
    asio::posix::stream_descriptor readable;  // owns a duplicate, for waiting only
    bool looking = false;                     // a look is queued: one is enough
  };

  State(asio::io_context& io, Device& served) : context(io), device(served), ticker(io) {}

  void wait(unsigned index) {
    doorbells[index].readable.async_wait(
        asio::posix::descriptor_base::wait_read,
        [self = shared_from_this(), index](const boost::system::error_code& error) {
          if (error || !self->running) return;
          if (const auto rings = self->doorbells[index].event.drain()) self->turn(index, *rings);
          self->wait(index);
        });
  }

  void turn(unsigned index, std::uint64_t rings) {
    if (device.on_doorbell(index, rings) == Turn::more) look(index);
  }

  void look(unsigned index) {
    if (std::exchange(doorbells[index].looking, true)) return;
    asio::post(context, [self = shared_from_this(), index] {
      self->doorbells[index].looking = false;
      if (self->running) self->turn(index, 0);
    });
  }

  void tick_on() {
    ticker.expires_after(tick);
    ticker.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error || !self->running) return;
      self->device.on_tick();
      self->tick_on();
    });
  }

  void stop() {
    if (!std::exchange(running, false)) return;
    ticker.cancel();
    for (auto& doorbell : doorbells) {
      boost::system::error_code ignored;
      doorbell.readable.close(ignored);
    }
    device.stop();
  }

  asio::io_context& context;
  Device& device;
  asio::steady_timer ticker;
  std::vector<Doorbell> doorbells;
  bool running = false;
};

Runner::Runner(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
Runner::Runner(Runner&&) noexcept = default;
Runner::~Runner() {
  if (state_) state_->stop();
}

Result<Runner> Runner::start(asio::io_context& context, Device& device, Attachment attachment) {
  auto state = std::make_shared<State>(context, device);
  for (const auto& doorbell : attachment.doorbells) {
    auto event = doorbell.duplicate();
    if (!event) return event.error();
    asio::posix::stream_descriptor readable(context);
    if (auto watched = watch(readable, doorbell.fd()); !watched) return watched.error();
    state->doorbells.push_back({std::move(*event), std::move(readable)});
  }
  if (auto started = device.start(std::move(attachment)); !started) return started.error();
  state->running = true;
  for (unsigned index = 0; index < state->doorbells.size(); ++index) {
    state->look(index);
    state->wait(index);
  }
  state->tick_on();
  return Runner(std::move(state));
}

}  // namespace bellwire
