// SPDX-License-Identifier: BSD-3-Clause
//
// RecordingThread: records a device from beside it, in the same process, on a thread of its own:
// the device never waits for it. One recording at a time; each ends as a trace file's text.
//
// attach() and detach() are for the device's thread; what is told to be the thread's own, for
// handlers on its context.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <thread>

#include "host/record/trace_file.hpp"
#include "vdev/core/memory_view.hpp"
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

  /// The device's memory, formatted. What is recorded already stays.
  void attach(const MemoryView& memory);
  /// When it returns, the memory is used no more.
  void detach();

  /// Does it on the thread, and waits until it is done.
  void run(const std::function<void()>& what);

  // The thread's own.
  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  /// Where the device's memory is; null while it has none.
  [[nodiscard]] const ring::Layout* layout() const noexcept {
    return layout_ ? &*layout_ : nullptr;
  }
  /// EBUSY: there is a recording already.
  [[nodiscard]] Result<void> begin(const TraceFacts& facts, const RecordingLimits& limits,
                                   Ended ended);
  void end();
  /// Ends it, and makes no trace.
  void drop();

 private:
  struct Job;
  void watch(const ring::Layout& layout);
  void drain_on();
  void run_context();

  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  std::optional<ring::Layout> layout_;
  std::unique_ptr<Job> job_;
  std::thread thread_;
};

}  // namespace bellwire::host
