// SPDX-License-Identifier: BSD-3-Clause
//
// Timer calls its owner from Asio's loop at a time, and post() behind what is queued there already.
// What runs on a loop uses them in place of Asio's own, so that a simulation can put its clock and
// its loop in the place of the system's (vdev/simulate).
//
// On the thread that runs the context, which must be one only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>

namespace bellwire {

/// Is called when the time has come. Kept alive while it waits.
class TimerOwner {
 public:
  virtual void on_time() = 0;

 protected:
  ~TimerOwner() = default;
};

class Timer {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Timer(boost::asio::io_context& context);
  Timer(Timer&&) noexcept;
  Timer& operator=(Timer&&) noexcept;
  ~Timer();

  /// Calls the owner once, at that time or soon afterwards. One wait at a time: it takes the place
  /// of the one before.
  void wait(Clock::time_point when, std::shared_ptr<TimerOwner> owner);
  /// Ends waiting: the owner is not called any more. Idempotent.
  void cancel() noexcept;

 private:
  struct Watch;
  std::shared_ptr<Watch> watch_;
};

/// Is called with the index. Kept alive until then.
class PostOwner {
 public:
  virtual void on_post(unsigned index) = 0;

 protected:
  ~PostOwner() = default;
};

void post(boost::asio::io_context& context, std::shared_ptr<PostOwner> owner, unsigned index);

}  // namespace bellwire
