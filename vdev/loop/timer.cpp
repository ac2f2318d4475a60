// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/loop/timer.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace bellwire {

struct Timer::Watch : std::enable_shared_from_this<Watch> {
  explicit Watch(boost::asio::io_context& context) : timer(context) {}

  // A call that is queued already is known by an old serial number.
  void wait(Clock::time_point when, std::shared_ptr<TimerOwner> owner) {
    timer.expires_at(when);
    timer.async_wait([self = shared_from_this(), owner = std::move(owner),
                      turn = ++serial](const boost::system::error_code& error) {
      if (!error && turn == self->serial) owner->on_time();
    });
  }

  void cancel() {
    ++serial;
    timer.cancel();
  }

  boost::asio::steady_timer timer;
  unsigned serial = 0;
};

Timer::Timer(boost::asio::io_context& context) : watch_(std::make_shared<Watch>(context)) {}
Timer::Timer(Timer&&) noexcept = default;
Timer& Timer::operator=(Timer&& other) noexcept {
  if (watch_) cancel();
  watch_ = std::move(other.watch_);
  return *this;
}
Timer::~Timer() {
  if (watch_) cancel();
}

void Timer::wait(Clock::time_point when, std::shared_ptr<TimerOwner> owner) {
  watch_->wait(when, std::move(owner));
}

void Timer::cancel() noexcept {
  watch_->cancel();
}

void post(boost::asio::io_context& context, std::shared_ptr<PostOwner> owner, unsigned index) {
  boost::asio::post(context, [owner = std::move(owner), index] { owner->on_post(index); });
}

}  // namespace bellwire
