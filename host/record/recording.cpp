// SPDX-License-Identifier: BSD-3-Clause
#include "host/record/recording.hpp"

#include <boost/asio/post.hpp>
#include <future>
#include <utility>

#include "vdev/log/log.hpp"
#include "vdev/trace/recorder.hpp"

namespace bellwire::host {
namespace {

using Clock = std::chrono::steady_clock;

// Often enough for a side that writes two records a microsecond, with 4,096 of them; and seldom,
// since most of what this thread takes is its waking.
constexpr std::chrono::milliseconds between_drains{2};

constexpr std::chrono::seconds farewell{5};

constexpr std::string_view one_clock = "in-process";  // driver and device are threads there

}  // namespace

struct RecordingThread::Job {
  trace::Recorder recorder{BELLWIRE_HOST_RECORDS};
  TraceFacts facts;
  RecordingLimits limits;
  Ended ended;
  std::chrono::system_clock::time_point began = std::chrono::system_clock::now();
  Clock::time_point since = Clock::now();

  [[nodiscard]] bool done() const {
    const std::chrono::duration<double> time = Clock::now() - since;
    return (limits.seconds && time.count() >= *limits.seconds) ||
           (limits.requests && recorder.posted() >= *limits.requests);
  }
};

RecordingThread::RecordingThread()
    : work_(boost::asio::make_work_guard(context_)), timer_(context_) {
  thread_ = std::thread([this] { run_context(); });
}

RecordingThread::~RecordingThread() {
  run([this] { end(); });
  work_.reset();
  context_.stop();
  thread_.join();
}

void RecordingThread::run_context() {
  context_.run();
  context_.restart();
  context_.run_for(farewell);
}

void RecordingThread::run(const std::function<void()>& what) {
  std::promise<void> done;
  boost::asio::post(context_, [&] {
    what();
    done.set_value();
  });
  done.get_future().wait();
}

void RecordingThread::attach(const MemoryView& memory) {
  run([&] {
    auto layout = ring::Layout::open(memory);
    if (!layout) return log::warning("nothing is recorded: {}", layout.error().message);
    layout_ = std::move(*layout);
    if (job_) watch(*layout_);
  });
}

void RecordingThread::detach() {
  run([&] {
    if (job_) job_->recorder.leave();
    layout_.reset();
  });
}

Result<void> RecordingThread::begin(const TraceFacts& facts, const RecordingLimits& limits,
                                    Ended ended) {
  if (job_)
    return fault(std::errc::device_or_resource_busy,
                 "{} is being recorded already; wait until that is done", facts.device);
  job_ = std::make_unique<Job>();
  job_->facts = facts;
  job_->limits = limits;
  job_->ended = std::move(ended);
  if (layout_) watch(*layout_);
  drain_on();
  return {};
}

void RecordingThread::watch(const ring::Layout& layout) {
  if (layout.queue(0).trace_entries == 0)
    log::warning("nothing is recorded: the shared memory has no room for records");
  for (unsigned index = 0; index < layout.queues(); ++index)
    job_->recorder.watch(index, layout.queue(index));
}

void RecordingThread::drain_on() {
  timer_.expires_after(between_drains);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || !job_) return;
    job_->recorder.drain();
    if (job_->done()) return end();
    drain_on();
  });
}

void RecordingThread::drop() {
  timer_.cancel();
  job_.reset();
}

void RecordingThread::end() {
  if (!job_) return;
  timer_.cancel();
  const auto job = std::exchange(job_, nullptr);
  const auto clocks = job->facts.transport == one_clock ? trace::Clocks::one : trace::Clocks::guest;
  const auto timeline = trace::make_timeline(job->recorder.stop(), clocks);
  job->ended(trace_file(timeline, job->facts, job->began));
}

}  // namespace bellwire::host
