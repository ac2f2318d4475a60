// SPDX-License-Identifier: BSD-3-Clause
//
// RecordingThread: records a device from beside it, in the same process, on a thread of its own.
// One recording at a time; each ends as a trace file's text.
//
// attach() and detach() are for the device's thread. It waits for nothing that the recording thread
// does but a look into the memory: a queue's records being copied, or its words. Traces are made,
// and sent, without the memory. What is called the thread's own is for handlers on its context.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "host/trace/file/trace_file.hpp"
#include "vdev/ring/layout.hpp"

namespace bellwire::host {

/// What ends a recording, whichever comes first; neither: nothing but end().
struct RecordingLimits {
  std::optional<double> seconds;
  std::optional<std::uint64_t> requests;
};

class RecordingThread {
 public:
  using Ended = std::function<void(const std::string& trace)>;

  RecordingThread();
  /// Whatever the thread still has to send goes out first, if that doesn't take long.
  ~RecordingThread();

  /// The device's memory. What is recorded already stays.
  void attach(const ring::Layout& layout);
  /// When it returns, the memory is used no more.
  void detach();

  /// Does it on the thread, and waits until it is done. Not for a device that runs.
  void run(const std::function<void()>& what);

  // The thread's own.
  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  /// Calls `look` with the device's memory, or null while it has none. The device can't detach
  /// meanwhile.
  template <class Look>
  [[nodiscard]] auto with_layout(const Look& look) {
    const std::lock_guard lock(mutex_);
    return look(layout_ ? &*layout_ : nullptr);
  }
  /// EBUSY: there is a recording already.
  [[nodiscard]] Result<void> begin(const TraceFacts& facts, const RecordingLimits& limits,
                                   Ended ended);
  void end();
  /// Ends it, and makes no trace.
  void drop();

 private:
  struct Job;
  void watch();
  std::unique_ptr<Job> take_job();
  void drain_on();
  void run_context();

  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  std::mutex mutex_;  // of these two; both threads use them
  std::optional<ring::Layout> layout_;
  std::unique_ptr<Job> job_;  // made, and taken, by the thread
  std::thread thread_;
};

}  // namespace bellwire::host
