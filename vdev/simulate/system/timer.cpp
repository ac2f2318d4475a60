// SPDX-License-Identifier: BSD-3-Clause
//
// In place of vdev/loop/timer.cpp: on a Loop, and by the world's clock.
#include "vdev/loop/timer.hpp"

#include "vdev/simulate/loop.hpp"

namespace bellwire {

using simulate::Loop;

struct Timer::Watch final : simulate::Source {
  explicit Watch(Loop& on) : loop(on) { loop.add(*this); }
  ~Watch() { loop.remove(*this); }

  [[nodiscard]] std::optional<simulate::Time> ready() const noexcept override {
    return owner ? std::optional(when) : std::nullopt;
  }
  void handle() override { std::exchange(owner, nullptr)->on_time(); }

  Loop& loop;
  Clock::time_point when;
  std::shared_ptr<TimerOwner> owner;
};

Timer::Timer(boost::asio::io_context& context)
    : watch_(std::make_shared<Watch>(Loop::of(context))) {}
Timer::Timer(Timer&&) noexcept = default;
Timer& Timer::operator=(Timer&& other) noexcept {
  watch_ = std::move(other.watch_);
  return *this;
}
Timer::~Timer() = default;

void Timer::wait(Clock::time_point when, std::shared_ptr<TimerOwner> owner) {
  watch_->when = when;
  watch_->owner = std::move(owner);
}

void Timer::cancel() noexcept {
  watch_->owner.reset();
}

void post(boost::asio::io_context& context, std::shared_ptr<PostOwner> owner, unsigned index) {
  Loop::of(context).post(std::move(owner), index);
}

}  // namespace bellwire
