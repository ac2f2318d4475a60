// SPDX-License-Identifier: BSD-3-Clause
//
// Which queues are served, and how queues, pauses and resets come to their end.
#include <numeric>

#include "vdev/log/log.hpp"
#include "vdev/virtio/backend_impl.hpp"

namespace bellwire::virtio {
namespace {

template <class Callback, class... Args>
void call_all(std::vector<Callback>& waiting, const Args&... args) {
  for (const auto& done : std::exchange(waiting, {}))
    if (done) done(args...);
}

}  // namespace

bool Backend::Impl::wanted(const Queue& queue) const noexcept {
  return queue.run.started() && (queue.enabled || queue.run.discarding()) && !queue.stopping &&
         !paused_;
}

Result<void> Backend::Impl::serve(Queue& queue) {
  if (!wanted(queue)) return {};
  if (auto begun = begin_session(); !begun) return begun;
  return queue.run.serve();
}

void Backend::Impl::serve_all() {
  for (unsigned index = 0; index < queues_.size(); ++index)
    if (auto served = serve(*queues_[index]); !served)
      log::warning("{} queue {} is not served: {}", traits_.kind, index, served.error().message);
}

Result<void> Backend::Impl::start_queue(unsigned index, QueueSetup setup) {
  auto& queue = *queues_[index];
  if (queue.stopping || resetting_) return queue_fault(index, "is about to stop: wait for that");
  if (queue.run.started()) return queue_fault(index, "is started already: stop it first");
  if (options.tap != nullptr) options.tap->queue_started(index, setup.layout.size);
  auto served = begin_session();
  if (served) served = queue.run.set_up(std::move(setup));
  if (served) served = serve(queue);
  if (served) return {};
  queue.run.tear_down();
  if (options.tap != nullptr) options.tap->queue_stopped(index);
  return served;
}

Result<void> Backend::Impl::set_enabled(unsigned index, bool enabled) {
  auto& queue = *queues_[index];
  if (options.tap != nullptr) options.tap->queue_enabled(index, enabled);
  queue.enabled = enabled;
  queue.run.set_discarding(!enabled && device.discards_when_disabled(index));
  device.set_enabled(index, enabled);
  if (!wanted(queue)) queue.run.rest();
  return serve(queue);
}

Result<void> Backend::Impl::set_kick(unsigned index, std::optional<os::EventFd> kick) {
  auto& queue = *queues_[index];
  if (!queue.run.started() || queue.stopping) return queue_fault(index, "is not started");
  queue.run.rest();
  queue.run.set_kick(std::move(kick));
  return serve(queue);
}

Result<void> Backend::Impl::set_call(unsigned index, Interrupt call) {
  auto& queue = *queues_[index];
  if (!queue.run.started() || queue.stopping) return queue_fault(index, "is not started");
  queue.run.rest();
  queue.run.set_call(std::move(call));
  return serve(queue);
}

void Backend::Impl::begin_stop(Queue& queue) {
  if (!queue.run.started() || std::exchange(queue.stopping, true)) return;
  queue.run.rest();
  if (queue.run.in_flight() > 0) device.cancel(queue.run.index());
  finish_turn();  // many have completed by now
}

void Backend::Impl::stop_queue(unsigned index, Stopped done) {
  auto& queue = *queues_[index];
  if (!queue.run.started()) return done(queue.run.tear_down());
  if (options.tap != nullptr) options.tap->queue_stopped(index);
  queue.stopped.push_back(std::move(done));
  begin_stop(queue);
  settle();
}

void Backend::Impl::pause(Done done) {
  if (options.tap != nullptr) options.tap->paused(true);
  paused_ = true;
  for (const auto& queue : queues_) queue->run.rest();
  cancel_all();
  pauses_.push_back(std::move(done));
  finish_turn();
  settle();
}

void Backend::Impl::resume() {
  if (options.tap != nullptr) options.tap->paused(false);
  paused_ = false;
  serve_all();
}

void Backend::Impl::reset(Done done) {
  if (options.tap != nullptr) options.tap->reset();
  resets_.push_back(std::move(done));
  resetting_ = true;
  for (const auto& queue : queues_) begin_stop(*queue);
  settle();
}

void Backend::Impl::reset_now() {
  reset(nullptr);
  drain();
  settle();
}

void Backend::Impl::settle() {
  settle_broken();
  settle_stops();
  settle_pause();
  settle_reset();
}

void Backend::Impl::settle_broken() {
  for (const auto& queue : queues_)
    if (const auto why = queue->run.take_fault()) {
      queue->run.rest();
      queue->run.report_broken(*why);
    }
}

void Backend::Impl::settle_stops() {
  for (const auto& queue : queues_) {
    if (!queue->stopping || queue->run.in_flight() > 0) continue;
    queue->stopping = false;
    call_all(queue->stopped, queue->run.tear_down());
  }
}

void Backend::Impl::settle_pause() {
  if (!paused_ || pauses_.empty() || in_flight() > 0) return;
  for (const auto& queue : queues_) queue->run.release();
  call_all(pauses_);
}

void Backend::Impl::settle_reset() {
  if (!resetting_ || in_flight() > 0) return;
  resetting_ = false;
  end_session();
  for (const auto& queue : queues_) {
    queue->enabled = false;
    queue->run.set_discarding(false);
  }
  paused_ = false;
  features_ = 0;
  status_ = 0;
  call_all(resets_);
}

// What is in flight may use any memory: it is not known which.
void Backend::Impl::revoke(const AddressRange& range) {
  if (in_flight() > 0) {
    if (options.tap != nullptr) options.tap->paused(true);
    cancel_all();
    drain();
    if (options.tap != nullptr) options.tap->paused(false);
  }
  for (const auto& queue : queues_) {
    if (!queue->run.uses(range)) continue;
    queue->run.rest();
    queue->run.release();
  }
  settle();
}

void Backend::Impl::cancel_all() {
  for (unsigned index = 0; index < queues_.size(); ++index)
    if (queues_[index]->run.in_flight() > 0) device.cancel(index);
}

// The loop stands still meanwhile; what the device completes comes by its poll(), or from its
// threads.
void Backend::Impl::drain() {
  constexpr std::chrono::milliseconds between_polls{1};
  constexpr unsigned long_time = 2000;
  for (unsigned waits = 0;; ++waits) {
    finish_turn();
    if (in_flight() == 0) return;
    if (waits == long_time)
      log::warning("{}: waits for {} requests that the device does not complete", traits_.kind,
                   in_flight());
    if (completions.event().wait(between_polls)) completions.event().drain();
  }
}

unsigned Backend::Impl::in_flight() const noexcept {
  return std::accumulate(queues_.begin(), queues_.end(), 0U, [](unsigned sum, const auto& queue) {
    return sum + queue->run.in_flight();
  });
}

}  // namespace bellwire::virtio
