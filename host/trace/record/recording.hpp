// SPDX-License-Identifier: BSD-3-Clause
//
// RecordingThread: records a device in the same process, on a thread of its own. One recording at a
// time; each ends as the text of a trace file.
//
// The device's thread calls attach() and detach(). It waits for the recording thread only while
// that reads the memory: copies a queue's records, or its words. Traces are made and sent without
// the memory. The functions under "the thread's own" are for handlers on its context.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "host/trace/file/trace_file.hpp"
#include "host/trace/record/function_log.hpp"
#include "vdev/faults/tally.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/steps/stepper.hpp"

namespace bellwire::host {

/// What ends a recording, whichever comes first. Without both only end() does.
struct RecordingLimits {
  std::optional<double> seconds;
  std::optional<std::uint64_t> requests;
};

class RecordingThread {
 public:
  using Ended = std::function<void(const std::string& trace)>;

  RecordingThread();
  /// What the thread still has to send goes out first, if that doesn't take long.
  ~RecordingThread();

  /// The device's memory. What is recorded already stays.
  void attach(const ring::Layout& layout);
  /// When it returns, the memory is not used any more.
  void detach();

  /// The device is a PCI function: `log`, which must outlive the thread, sees it. Before anything
  /// else is done.
  void follow(FunctionLog& log) noexcept { log_ = &log; }
  /// What goes wrong on purpose; null: nothing. Likewise.
  void follow(std::shared_ptr<FaultTally> faults) noexcept { faults_ = std::move(faults); }

  /// What holds the device in slow motion; null: nothing. Likewise.
  void follow(std::shared_ptr<steps::Stepper> stepper) noexcept { stepper_ = std::move(stepper); }

  /// Calls `what` on the thread, and waits until it is done. Not while a device runs.
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
  /// Null: the device is no PCI function.
  [[nodiscard]] const FunctionLog* log() const noexcept { return log_; }
  [[nodiscard]] FaultTally* faults() const noexcept { return faults_.get(); }
  [[nodiscard]] steps::Stepper* stepper() const noexcept { return stepper_.get(); }
  /// Calls `over` when nothing more is recorded, and `ended` when the trace is made, which may take
  /// long. EBUSY: something is being recorded already.
  [[nodiscard]] Result<void> begin(const TraceFacts& facts, const RecordingLimits& limits,
                                   Ended ended, std::function<void()> over = {});
  /// A fault that happened elsewhere, to the device's guest: it stands in the trace that is being
  /// recorded, with the newest request of each queue that has any.
  void note(const std::string& fault);
  void end();
  /// Ends it without a trace.
  void drop();

 private:
  struct OpenRecording;
  void watch();
  [[nodiscard]] bool done() const;
  [[nodiscard]] std::string trace_of(OpenRecording& job);
  std::unique_ptr<OpenRecording> take_job();
  void drain_on();
  void run_context();

  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  std::mutex mutex_;  // of these two; both threads use them
  std::optional<ring::Layout> layout_;
  std::unique_ptr<OpenRecording> job_;  // made, and taken, by the thread
  FunctionLog* log_ = nullptr;
  std::shared_ptr<FaultTally> faults_;
  std::shared_ptr<steps::Stepper> stepper_;
  std::thread thread_;
};

}  // namespace bellwire::host
