// SPDX-License-Identifier: BSD-3-Clause
//
// Timer: calls its owner at a time, from Asio's loop. What runs on a loop uses it in place of
// Asio's own timers, so that a simulation can put its clock in the place of the system's
// (vdev/simulate).
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

}  // namespace bellwire
