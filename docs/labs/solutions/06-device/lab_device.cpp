// SPDX-License-Identifier: BSD-3-Clause
//
// The device lab6: reverses, adds, and completes later.
#include "lab_device.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "host/device/device_main.hpp"
#include "vdev/devices/request_device.hpp"

using bellwire::ring::PendingRequest;
using bellwire::ring::Reply;
using bellwire::ring::Request;

namespace {

// Copied, since the driver may change the input meanwhile; nullopt: the input has another size.
template <class Number>
std::optional<Number> number_in(const Request& request) {
  Number number;
  if (request.input.size() != sizeof number) return std::nullopt;
  std::memcpy(&number, request.input.data(), sizeof number);
  return number;
}

Reply reverse(const Request& request) {
  const auto size = request.input.size();
  if (request.output.size() < size) return {.status = BELLWIRE_BAD_LENGTH};
  std::reverse_copy(request.input.begin(), request.input.end(), request.output.begin());
  return {.length = static_cast<std::uint32_t>(size), .result = size};
}

class LabDevice final : public bellwire::AsyncRequestDevice {
 public:
  ~LabDevice() {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  [[nodiscard]] bellwire::DeviceTraits traits() const noexcept override {
    return {
        .kind = LAB_DEVICE, .doorbells = BELLWIRE_MAX_QUEUES, .interrupts = BELLWIRE_MAX_QUEUES};
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    Clock::time_point due;
    std::uint32_t ms;
    PendingRequest request;
  };

  void handle(PendingRequest request) noexcept override {
    switch (request->operation) {
      case LAB_REVERSE:
        return std::move(request).complete(reverse(*request));
      case LAB_ADD:
        return std::move(request).complete(add(*request));
      case LAB_LATER:
        return wait(std::move(request));
      default:
        return std::move(request).complete({.status = BELLWIRE_BAD_OPERATION});
    }
  }

  // Those that are dropped here are nobody's any more.
  void cancel(unsigned queue) noexcept override {
    const std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [queue](const auto& one) { return one.request.queue() == queue; });
  }

  Reply add(const Request& request) {
    const auto number = number_in<std::uint64_t>(request);
    if (!number) return {.status = BELLWIRE_BAD_LENGTH};
    return {.result = sum_ += *number};
  }

  void wait(PendingRequest request) {
    const auto ms = number_in<std::uint32_t>(*request);
    if (!ms) return std::move(request).complete({.status = BELLWIRE_BAD_LENGTH});
    {
      const std::lock_guard lock(mutex_);
      const auto due = Clock::now() + std::chrono::milliseconds(*ms);
      waiting_.push_back({due, *ms, std::move(request)});
    }
    changed_.notify_one();
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!ends_) {
      const auto next = std::ranges::min_element(waiting_, {}, &Waiting::due);
      if (next == waiting_.end()) {
        changed_.wait(lock);
      } else if (const auto due = next->due; Clock::now() < due) {
        changed_.wait_until(lock, due);
      } else {
        std::move(next->request).complete({.result = next->ms});
        waiting_.erase(next);
      }
    }
  }

  std::uint64_t sum_ = 0;  // of the loop's thread
  std::mutex mutex_;       // of what follows
  std::condition_variable changed_;
  std::vector<Waiting> waiting_;
  bool ends_ = false;
  std::thread thread_{[this] { run(); }};
};

}  // namespace

int main(int argc, char** argv) {
  return bellwire::device_main(
      argc, argv, {bellwire::ring_device<LabDevice>(LAB_DEVICE, "reverses, adds, and waits")});
}
