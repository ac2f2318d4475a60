// SPDX-License-Identifier: BSD-3-Clause
//
// Delay: an echo that takes its time, as a disk or a network would. A request's operation says how
// many microseconds; the device takes between half and one and a half times that, so that requests
// overtake each other. It is the smallest device that completes its requests later.
//
// A thread of its own waits for the time of each request, whatever its queue.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "vdev/devices/request_device.hpp"
#include "vdev/os/thread.hpp"

namespace bellwire {

class Delay final : public AsyncRequestDevice {
 public:
  static constexpr std::uint32_t usual_time = 100;        ///< µs, where the operation is 0
  static constexpr std::uint32_t most_time = 60'000'000;  ///< µs; more is refused

  ~Delay();
  [[nodiscard]] DeviceTraits traits() const noexcept override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    Clock::time_point due;
    ring::PendingRequest request;
  };

  void handle(ring::PendingRequest request) noexcept override;
  void cancel(unsigned queue) noexcept override;
  [[nodiscard]] std::chrono::nanoseconds time_for(std::uint32_t operation) noexcept;
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Waiting> waiting_;  // a heap: the first one is due first
  bool ends_ = false;
  std::uint32_t random_ = 1;  // of the loop's thread
  std::thread thread_ = os::start_thread([this] { run(); });
};

}  // namespace bellwire
