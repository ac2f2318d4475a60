// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/runner/moderation.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "vdev/loop/event_reader.hpp"
#include "vdev/loop/timer.hpp"

namespace bellwire {

namespace asio = boost::asio;

// One interrupt. The device raises an eventfd of ours, whose count keeps what is raised too soon;
// the real one is raised from there. Handlers hold this object, and find `running` false once it is
// dropped; its descriptors are closed then.
struct Moderation::Held final : EventOwner, TimerOwner, std::enable_shared_from_this<Held> {
  using Clock = Timer::Clock;

  Held(asio::io_context& context, Interrupt to, os::EventFd from, EventReader reads,
       std::chrono::nanoseconds least)
      : out(std::move(to)),
        in(std::move(from)),
        reader(std::move(reads)),
        timer(context),
        time(least) {}

  void wait() { reader.wait(shared_from_this()); }

  void on_event(unsigned, std::uint64_t) override {
    if (running) take();
  }

  void take() {
    if (Clock::now() >= next) return pass_on();
    holds = true;
    timer.wait(next, shared_from_this());
  }

  void on_time() override {
    if (running) pass_on();
  }

  void pass_on() {
    holds = false;
    out->raise();
    next = Clock::now() + time;
    wait();
  }

  void stop() {
    running = false;
    timer.cancel();
    const bool taken = reader.stop() != 0;
    if (in->drain() || taken || holds) out->raise();
    in.reset();
    out.reset();
  }

  std::optional<Interrupt> out;
  std::optional<os::EventFd> in;
  EventReader reader;  // of it
  Timer timer;
  const std::chrono::nanoseconds time;
  Clock::time_point next{};  // when the next one may go out
  bool holds = false;        // one is held until then
  bool running = true;
};

Moderation::Moderation(std::vector<std::shared_ptr<Held>> held) noexcept : held_(std::move(held)) {}
Moderation::Moderation(Moderation&&) noexcept = default;
Moderation::~Moderation() {
  for (const auto& held : held_) held->stop();
}

Result<Moderation> Moderation::start(asio::io_context& context, Attachment& attachment,
                                     std::chrono::nanoseconds time) {
  std::vector<std::shared_ptr<Held>> all;
  if (time.count() == 0) return Moderation({});
  std::vector<Interrupt> ours;
  for (const auto& out : attachment.interrupts) {
    auto raised = os::EventFd::create();
    if (!raised) return raised.error();
    auto in = raised->duplicate();
    if (!in) return in.error();
    ours.push_back(InterruptLine(std::move(*raised)).interrupt());
    auto reader = EventReader::create(context, *in, 0);
    if (!reader) return reader.error();
    all.push_back(std::make_shared<Held>(context, out, std::move(*in), std::move(*reader), time));
  }
  attachment.interrupts = std::move(ours);
  for (const auto& held : all) held->wait();
  return Moderation(std::move(all));
}

}  // namespace bellwire
