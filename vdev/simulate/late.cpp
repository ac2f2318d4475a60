// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/simulate/late.hpp"

#include <algorithm>

#include "vdev/devices/echo.hpp"

namespace bellwire::simulate {

using namespace std::chrono_literals;

void Worker::run(const std::function<bool()>& until) {
  while (!until()) {
    busy_ = device_ != nullptr;
    if (busy_) device_->complete_due();
    busy_ = false;
    process_->wait_until(device_ != nullptr ? device_->first() : Time::max());
  }
}

void Worker::complete_all() {
  if (device_ == nullptr) return;
  for (auto& waiting : device_->waiting_) waiting.due = {};
  device_->complete_due();
}

DeviceTraits Late::traits() const noexcept {
  return {.kind = "late", .doorbells = BELLWIRE_MAX_QUEUES, .interrupts = BELLWIRE_MAX_QUEUES};
}

void Late::handle(ring::PendingRequest request) noexcept {
  auto& random = world_.random();
  if (random.one_in(8)) {  // as a device may
    const auto reply = echo(*request);
    return std::move(request).complete(reply);
  }
  waiting_.push_back({world_.now() + random.time(1us, 1ms), std::move(request)});
  worker_.wake();
}

// Of one that is killed nobody completes anything later.
void Late::cancel(unsigned queue) noexcept {
  for (auto& [due, request] : waiting_)
    if (request.queue() == queue) due = {};
  if (world_.running()->killed()) return complete_due();
  worker_.wake();
}

Time Late::first() const noexcept {
  auto first = Time::max();
  for (const auto& each : waiting_) first = std::min(first, each.due);
  return first;
}

void Late::complete_due() {
  const auto now = world_.now();
  for (std::size_t index = 0; index < waiting_.size();) {
    if (waiting_[index].due > now) {
      ++index;
      continue;
    }
    auto request = std::move(waiting_[index].request);
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
    const auto reply = echo(*request);
    std::move(request).complete(reply);
  }
}

}  // namespace bellwire::simulate
