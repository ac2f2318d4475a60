// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/runner/runner.hpp"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "vdev/loop/event_reader.hpp"
#include "vdev/loop/timer.hpp"

namespace bellwire {
namespace asio = boost::asio;

namespace {

using Clock = Timer::Clock;
constexpr std::chrono::milliseconds tick{100};  // device.hpp: on_tick()
constexpr std::chrono::microseconds slice{20};  // of polling; then the loop's other handlers run
constexpr unsigned looks = 16;                  // polls per reading of the clock

}  // namespace

// Handlers hold it, so that one that is already queued when the runner is dropped finds
// `running` false instead of a dangling device.
//
// A doorbell is in one of three states: a look at it is queued, it is polled, or it is waited for.
struct Runner::Impl final : EventOwner,
                            PostOwner,
                            TimerOwner,
                            std::enable_shared_from_this<Runner::Impl> {
  struct Doorbell {
    std::optional<os::EventFd> event;  // until it is stopped
    EventReader reader;
    PollTime patience;
    Clock::time_point idle_since{};  // when there was no work left; kept only with polling
    bool worked = false;             // since then, when polled
  };

  Impl(asio::io_context& io, Device& served, Polling how)
      : context(io), device(served), ticker(io), polling(how) {}

  Result<void> wait_for_ready() {
    const auto* const event = device.ready();
    if (event == nullptr) return {};
    auto reader = EventReader::create(context, *event, static_cast<unsigned>(doorbells.size()));
    if (!reader) return reader.error();
    ready.emplace(std::move(*reader));
    ready->wait(shared_from_this());
    return {};
  }

  void wait(unsigned index) { doorbells[index].reader.wait(shared_from_this()); }

  void on_event(unsigned index, std::uint64_t rings) override {
    if (!running) return;
    if (index == doorbells.size()) return on_ready();
    note_work(doorbells[index]);
    turn(index, rings);
  }

  void on_ready() {
    tick_on();
    device.on_ready();
    ready->wait(shared_from_this());
  }

  void turn(unsigned index, std::uint64_t rings) {
    tick_on();
    if (device.on_doorbell(index, rings) == Turn::more)
      look(index);
    else
      rest(index);
  }

  void look(unsigned index) { post(context, shared_from_this(), index); }

  void on_post(unsigned index) override {
    if (!running) return;
    index == doorbells.size() ? poll_a_slice() : turn(index, 0);
  }

  void rest(unsigned index) {
    if (polling != Polling::off) doorbells[index].idle_since = Clock::now();
    if (doorbells[index].patience.time() == PollTime::Duration::zero()) return wait(index);
    polled.push_back(index);
    if (polled.size() == 1) poll_on();
  }

  void note_work(Doorbell& doorbell) const {
    if (polling != Polling::off) doorbell.patience.work_came(Clock::now() - doorbell.idle_since);
  }

  void poll_on() { look(static_cast<unsigned>(doorbells.size())); }

  void poll_a_slice() {
    auto now = Clock::now();
    for (const auto end = now + slice; !polled.empty() && now < end;) {
      look_at_polled();
      now = Clock::now();
      std::erase_if(polled, [this, now](unsigned index) { return !stays_polled(index, now); });
    }
    if (!polled.empty()) poll_on();
  }

  void look_at_polled() noexcept {
    for (unsigned times = 0; times < looks; ++times) {
      for (const unsigned index : polled)
        if (device.on_poll(index) == Turn::more) doorbells[index].worked = true;
      pause_polling();
    }
  }

  // Before it sleeps again, it looks a last time, which asks for the next ring.
  bool stays_polled(unsigned index, Clock::time_point now) {
    if (!running) return false;
    auto& doorbell = doorbells[index];
    const bool worked = std::exchange(doorbell.worked, false);
    if (!worked && now - doorbell.idle_since < doorbell.patience.time()) return true;
    doorbell.idle_since = now;
    if (worked || device.on_doorbell(index, doorbell.event->drain().value_or(0)) == Turn::more)
      return true;
    wait(index);
    return false;
  }

  // Ticks end with the first one before which nothing was done: an idle device sleeps.
  void tick_on() {
    busy = true;
    if (!std::exchange(ticking, true)) await_tick();
  }

  void await_tick() { ticker.wait(Clock::now() + tick, shared_from_this()); }

  void on_time() override {
    if (!running) return;
    device.on_tick();
    const bool more = !polled.empty() || device.waits();
    ticking = std::exchange(busy, more) || more;
    if (ticking) await_tick();
  }

  void stop() {
    if (!std::exchange(running, false)) return;
    ticker.cancel();
    if (ready) ready->stop();
    for (auto& doorbell : doorbells) {
      doorbell.reader.stop();
      doorbell.event.reset();  // closed now: a queued handler may still hold this object
    }
    device.stop();
  }

  asio::io_context& context;
  Device& device;
  Timer ticker;
  const Polling polling;
  std::vector<Doorbell> doorbells;
  std::optional<EventReader> ready;  // the device's, where it has one
  std::vector<unsigned> polled;
  bool running = false;
  bool busy = false;     // since the last tick
  bool ticking = false;  // a tick is due
};

Runner::Runner(std::shared_ptr<Impl> state) noexcept : state_(std::move(state)) {}
Runner::Runner(Runner&&) noexcept = default;
Runner::~Runner() {
  if (state_) state_->stop();
}

Result<Runner> Runner::start(asio::io_context& context, Device& device, Attachment attachment,
                             Polling polling) {
  auto state = std::make_shared<Impl>(context, device, polling);
  for (const auto& doorbell : attachment.doorbells) {
    auto event = doorbell.duplicate();
    if (!event) return event.error();
    const auto index = static_cast<unsigned>(state->doorbells.size());
    auto reader = EventReader::create(context, doorbell, index);
    if (!reader) return reader.error();
    state->doorbells.push_back({std::move(*event), std::move(*reader), PollTime(polling)});
  }
  if (auto started = device.start(std::move(attachment)); !started) return started.error();
  if (auto waited = state->wait_for_ready(); !waited) {
    device.stop();
    return waited.error();
  }
  state->running = true;
  for (unsigned index = 0; index < state->doorbells.size(); ++index) state->look(index);
  return Runner(std::move(state));
}

}  // namespace bellwire
