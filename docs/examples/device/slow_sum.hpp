// SPDX-License-Identifier: BSD-3-Clause
//
// slow_sum: the same as sum, but for numbers that take long to add up. A thread of its own does
// that, so the device's loop, and with it the other queues, never wait.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "vdev/devices/request_device.hpp"

class SlowSum final : public bellwire::AsyncRequestDevice {
 public:
  ~SlowSum();
  [[nodiscard]] bellwire::DeviceTraits traits() const noexcept override;

 private:
  void handle(bellwire::ring::PendingRequest request) noexcept override;
  void cancel(unsigned queue) noexcept override;
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<bellwire::ring::PendingRequest> waiting_;
  bool ends_ = false;
  std::thread thread_{[this] { work(); }};
};
