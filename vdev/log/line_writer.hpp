// SPDX-License-Identifier: BSD-3-Clause
//
// LineWriter: a thread that writes lines to standard error, so that no other thread waits for its
// reader. The file's flags are shared with other processes, so they are left alone. Each line is
// one write(), so that lines of several processes stay separate. It is never destroyed.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>

namespace bellwire::log {

/// Writes a line at once, on this thread, if `fd` takes any within `patience`: for a process that
/// can have no LineWriter, which needs a thread.
void write_at_once(int fd, std::string_view line, std::chrono::milliseconds patience) noexcept;

class LineWriter {
 public:
  using Clock = std::chrono::steady_clock;

  /// Called by the thread at the times that it asked for.
  class Clerk {
   public:
    virtual void on_time() = 0;

   protected:
    ~Clerk() = default;
  };

  /// Throws std::system_error if no thread can be created.
  explicit LineWriter(Clerk& clerk, int fd = 2);
  LineWriter(const LineWriter&) = delete;

  /// Any thread. If too many lines wait, the line is only counted, unless it is `important`.
  void put(std::string line, bool important = false);
  void call_at(Clock::time_point time);
  /// Waits until everything is written. False: `patience` passed first.
  bool flush(std::chrono::milliseconds patience);

 private:
  void run();
  void report_dropped();

  Clerk& clerk_;
  const int fd_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  std::uint64_t dropped_ = 0;
  bool writing_ = false;
  Clock::time_point next_call_ = Clock::time_point::max();
};

}  // namespace bellwire::log
