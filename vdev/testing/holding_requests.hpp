// SPDX-License-Identifier: BSD-3-Clause
//
// HoldingRequests: a ring device that keeps its requests until the test, or a cancellation, ends
// them. It is also a handler for a DeviceQueue alone. Any thread.
#pragma once

#include <deque>
#include <mutex>
#include <thread>

#include "vdev/devices/request_device.hpp"

namespace bellwire::testing {

class HoldingRequests final : public AsyncRequestDevice {
 public:
  /// `patient`: completes nothing when it is told to cancel; the test does, later.
  explicit HoldingRequests(bool patient = false) : patient_(patient) {}
  [[nodiscard]] DeviceTraits traits() const noexcept override {
    return {.kind = "holder", .doorbells = BELLWIRE_MAX_QUEUES, .interrupts = BELLWIRE_MAX_QUEUES};
  }

  void handle(ring::PendingRequest request) noexcept override {
    const std::lock_guard lock(mutex_);
    ++handled_;
    held_.push_back(std::move(request));
  }
  void cancel(unsigned queue) noexcept override {
    const std::lock_guard lock(mutex_);
    ++cancels_;
    if (!patient_)
      std::erase_if(held_, [queue](const auto& request) { return request.queue() == queue; });
  }

  /// The one at `place` is completed, with its cookie as its result; of those it holds, the oldest
  /// is at 0.
  void complete(std::size_t place = 0) {
    auto request = take(place);
    const auto cookie = request->cookie;
    std::move(request).complete({.result = cookie});
  }
  /// It is dropped instead.
  void drop(std::size_t place = 0) { (void)take(place); }
  void complete_all() {
    while (held() > 0) complete();
  }

  [[nodiscard]] std::size_t held() const {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }
  [[nodiscard]] unsigned handled() const {
    const std::lock_guard lock(mutex_);
    return handled_;
  }
  [[nodiscard]] unsigned cancels() const {
    const std::lock_guard lock(mutex_);
    return cancels_;
  }
  /// Waits until it holds so many.
  void wait_until_held(std::size_t count) const {
    while (held() < count) std::this_thread::yield();
  }

 private:
  ring::PendingRequest take(std::size_t place) {
    const std::lock_guard lock(mutex_);
    const auto at = held_.begin() + static_cast<std::ptrdiff_t>(place);
    auto request = std::move(*at);
    held_.erase(at);
    return request;
  }

  const bool patient_;
  mutable std::mutex mutex_;
  std::deque<ring::PendingRequest> held_;
  unsigned handled_ = 0, cancels_ = 0;
};

}  // namespace bellwire::testing
