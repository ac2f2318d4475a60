// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/record/recording.hpp"

#include <x86intrin.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <future>
#include <iterator>
#include <utility>
#include <vector>

#include "host/trace/file/function_trace.hpp"
#include "vdev/log/log.hpp"
#include "vdev/os/thread.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/trace/recorder.hpp"

namespace bellwire::host {
namespace {

using Clock = std::chrono::steady_clock;

// Often enough for a side that writes two records per microsecond into a ring of 4,096; and not
// more often, since most of what this thread costs is waking up.
constexpr std::chrono::milliseconds between_drains{2};

constexpr std::chrono::seconds farewell{5};

constexpr std::string_view one_clock = "in-process";  // driver and device are threads there

void add_notes(std::vector<trace::InjectedFault> noted, std::uint64_t lost,
               trace::Recording& recording) {
  recording.lost[BELLWIRE_DEVICE] += lost;
  recording.faults.insert(recording.faults.end(), std::make_move_iterator(noted.begin()),
                          std::make_move_iterator(noted.end()));
  std::ranges::stable_sort(recording.faults, {}, &trace::InjectedFault::ticks);
}

// Of a request, the ring knows the lower bits of its number.
void add_faults(FaultTally& tally, trace::Recording& recording) {
  const auto moments = tally.take_moments();
  recording.lost[BELLWIRE_DEVICE] += moments.lost;
  for (const auto& moment : moments.kept) {
    const auto& rule = tally.rule(moment.rule);
    auto what = text("{} {}", name_of_action(rule.action), name_of_wire(rule.wire));
    if (moment.number > 0) what += text(" {}", moment.number);
    auto& fault = recording.faults.emplace_back(
        trace::InjectedFault{moment.ticks, moment.wire, std::move(what), std::nullopt});
    if (moment.victim) fault.request = static_cast<std::uint32_t>(moment.victim->request);
  }
}

void warn_if_roomless(const ring::Layout& layout) {
  if (layout.format().trace_entries == 0)
    log::warning("nothing is recorded: the shared memory has no room for records");
}

}  // namespace

struct RecordingThread::OpenRecording {
  trace::Recorder recorder{BELLWIRE_HOST_RECORDS};
  TraceFacts facts;
  RecordingLimits limits;
  Ended ended;
  std::function<void()> over;
  std::vector<trace::InjectedFault> noted;
  std::uint64_t lost_notes = 0;  // for which there was no room
  std::chrono::system_clock::time_point began = std::chrono::system_clock::now();
  Clock::time_point since = Clock::now();
};

bool RecordingThread::done() const {
  const std::chrono::duration<double> time = Clock::now() - job_->since;
  const auto recorded = log_ != nullptr ? log_->recorded() : job_->recorder.posted();
  return (job_->limits.seconds && time.count() >= *job_->limits.seconds) ||
         (job_->limits.requests && recorded >= *job_->limits.requests);
}

RecordingThread::RecordingThread()
    : work_(boost::asio::make_work_guard(context_)), timer_(context_) {
  thread_ = os::start_thread([this] { run_context(); });
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
  // Both threads hold it, since the waiting thread may continue before the other has released it.
  const auto done = std::make_shared<std::promise<void>>();
  boost::asio::post(context_, [&what, done] {
    what();
    done->set_value();
  });
  done->get_future().wait();
}

void RecordingThread::attach(const ring::Layout& layout) {
  {
    const std::lock_guard lock(mutex_);
    layout_ = layout;
    if (!job_) return;
    watch();
  }
  warn_if_roomless(layout);
}

void RecordingThread::detach() {
  const std::lock_guard lock(mutex_);
  if (job_) job_->recorder.leave();
  layout_.reset();
}

Result<void> RecordingThread::begin(const TraceFacts& facts, const RecordingLimits& limits,
                                    Ended ended, std::function<void()> over) {
  if (job_)
    return fault(std::errc::device_or_resource_busy,
                 "{} is being recorded already; wait until that is done", facts.device);
  auto job = std::make_unique<OpenRecording>();
  job->facts = facts;
  job->limits = limits;
  job->ended = std::move(ended);
  job->over = std::move(over);
  drain_on();
  if (log_ != nullptr) log_->begin();
  if (faults_) faults_->keep_moments();
  std::unique_lock lock(mutex_);
  job_ = std::move(job);
  if (!layout_) return {};
  watch();
  const auto layout = *layout_;
  lock.unlock();
  warn_if_roomless(layout);
  return {};
}

void RecordingThread::watch() {
  for (unsigned index = 0; index < layout_->queues(); ++index)
    job_->recorder.watch(index, layout_->queue(index));
}

void RecordingThread::note(const std::string& fault) {
  const std::lock_guard lock(mutex_);
  if (!job_ || !layout_) return;
  const auto ticks = __rdtsc();
  for (unsigned index = 0; index < layout_->queues(); ++index) {
    const auto submitted =
        ring::load(layout_->queue(index).control->submit.submitted, ring::relaxed);
    if (submitted == 0) continue;
    if (job_->noted.size() == FaultTally::most_moments)
      ++job_->lost_notes;
    else
      job_->noted.push_back({ticks, index, fault, static_cast<std::uint32_t>(submitted - 1)});
  }
}

void RecordingThread::drain_on() {
  timer_.expires_after(between_drains);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || !job_) return;
    job_->recorder.drain();
    if (done()) return end();
    drain_on();
  });
}

// The memory is left while the device can't detach; what was recorded is used only afterwards.
std::unique_ptr<RecordingThread::OpenRecording> RecordingThread::take_job() {
  timer_.cancel();
  const std::lock_guard lock(mutex_);
  if (job_) job_->recorder.leave();
  return std::exchange(job_, nullptr);
}

void RecordingThread::drop() {
  static_cast<void>(take_job());
  if (log_ != nullptr) static_cast<void>(log_->end());
  if (faults_) static_cast<void>(faults_->take_moments());
}

std::string RecordingThread::trace_of(OpenRecording& job) {
  if (log_ != nullptr) {
    const auto recorded = log_->end();
    return function_trace_file(recorded.events, recorded.lost, job.facts, job.began);
  }
  const auto clocks = job.facts.transport == one_clock ? trace::Clocks::one : trace::Clocks::guest;
  auto recording = job.recorder.stop();
  if (faults_) add_faults(*faults_, recording);
  add_notes(std::move(job.noted), job.lost_notes, recording);
  return trace_file(trace::make_timeline(recording, clocks), job.facts, job.began);
}

void RecordingThread::end() {
  const auto job = take_job();
  if (!job) return;
  if (job->over) job->over();
  job->ended(trace_of(*job));
}

}  // namespace bellwire::host
