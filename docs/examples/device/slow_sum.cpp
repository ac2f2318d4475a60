// SPDX-License-Identifier: BSD-3-Clause
#include "slow_sum.hpp"

#include "sum.hpp"

SlowSum::~SlowSum() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bellwire::DeviceTraits SlowSum::traits() const noexcept {
  return {.kind = "slow_sum", .doorbells = BELLWIRE_MAX_QUEUES, .interrupts = BELLWIRE_MAX_QUEUES};
}

void SlowSum::handle(bellwire::ring::PendingRequest request) noexcept {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(request));
  changed_.notify_one();
}

// Those that are dropped here have not been begun. The device's next start serves them, or nobody,
// if their driver has left. The one that is being added up is completed soon.
void SlowSum::cancel(unsigned queue) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase_if(waiting_, [queue](const auto& request) { return request.queue() == queue; });
}

void SlowSum::work() {
  for (std::unique_lock lock(mutex_);; lock.lock()) {
    changed_.wait(lock, [this] { return ends_ || !waiting_.empty(); });
    if (ends_) return;
    auto request = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    const auto reply = sum(*request);
    std::move(request).complete(reply);  // and its memory is not touched any more
  }
}
