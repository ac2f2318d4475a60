// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/delay.hpp"

#include <algorithm>

#include "vdev/devices/echo.hpp"

namespace bellwire {
namespace {

constexpr auto later = [](const auto& one, const auto& other) { return one.due > other.due; };

}  // namespace

Delay::~Delay() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

DeviceTraits Delay::traits() const noexcept {
  return {.kind = "delay", .doorbells = BELLWIRE_MAX_QUEUES, .interrupts = BELLWIRE_MAX_QUEUES};
}

void Delay::handle(ring::PendingRequest request) noexcept {
  if (request->operation > most_time)
    return std::move(request).complete({.status = BELLWIRE_BAD_OPERATION});
  const auto due = Clock::now() + time_for(request->operation);
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({due, std::move(request)});
    std::ranges::push_heap(waiting_, later);
  }
  changed_.notify_one();
}

// What is cancelled is not waited for any longer.
void Delay::cancel(unsigned queue) noexcept {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [due, request] : waiting_)
      if (request.queue() == queue) due = {};
    std::ranges::make_heap(waiting_, later);
  }
  changed_.notify_one();
}

std::chrono::nanoseconds Delay::time_for(std::uint32_t operation) noexcept {
  const std::chrono::nanoseconds time =
      std::chrono::microseconds(operation == 0 ? usual_time : operation);
  random_ = random_ * 1'664'525 + 1'013'904'223;  // enough to mix up the order
  return time / 2 + time / 256 * (random_ >> 24);
}

void Delay::run() {
  std::unique_lock lock(mutex_);
  while (!ends_) {
    if (waiting_.empty()) {
      changed_.wait(lock);
    } else if (const auto due = waiting_.front().due; Clock::now() < due) {
      changed_.wait_until(lock, due);
    } else {
      std::ranges::pop_heap(waiting_, later);
      auto request = std::move(waiting_.back().request);
      waiting_.pop_back();
      lock.unlock();
      const auto reply = echo(*request);
      std::move(request).complete(reply);
      lock.lock();
    }
  }
}

}  // namespace bellwire
