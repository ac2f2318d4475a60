// SPDX-License-Identifier: BSD-3-Clause
//
// Sampler: asks a running device for its status again and again, in a thread of its own, since a
// device that is stopped lets it wait.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "host/trace/record/status.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire::host::live {

/// Takes a sample, as sample_text() writes it; called by the sampler's thread.
using TakeSample = std::function<void(std::string sample)>;

class Sampler {
 public:
  /// Asks that control socket every `interval`.
  Sampler(std::string socket, std::chrono::nanoseconds interval, TakeSample take);
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;
  /// Ends the thread.
  ~Sampler();

 private:
  void run();
  [[nodiscard]] bool stopped_after(std::chrono::steady_clock::time_point next) const;

  const std::string socket_;
  const std::chrono::nanoseconds interval_;
  const TakeSample take_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  os::EventFd stop_;
  std::thread thread_;
};

/// JSON: {at: seconds, device: {socket, device, transport, pid, starts, queues: [{queue,
/// generation, entries, status, submitted, completed, doorbells, wakeups, raises, lost}], function,
/// faults:
/// [{fault, times}]}}; `function`, of a whole PCI device, is {accesses, dma_bytes, interrupts}. Of
/// a device that did not answer it is {socket, error}.
[[nodiscard]] std::string sample_text(const std::string& socket, double at,
                                      const Result<DeviceStatus>& status);

}  // namespace bellwire::host::live
