// SPDX-License-Identifier: BSD-3-Clause
//
// Sampler: asks a running device for its status again and again, in a thread of its own, since a
// device that is stopped lets it wait. What a page wants of the device goes the same way.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "host/trace/record/status.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire::host::live {

/// Takes a sample, as sample_text() writes it; called by the sampler's thread.
using TakeSample = std::function<void(std::string sample)>;

/// Takes what became of a request to a device.
using Done = std::function<void(const Result<void>&)>;

/// Since when the oldest request of each queue makes no progress.
class Hangs {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds patience{1};

  /// The queue's hang in words, once it has stayed the same for so long; empty otherwise.
  [[nodiscard]] std::string look(const QueueStatus& queue, Clock::time_point now);

 private:
  struct Seen {
    ring::Hang hang;
    Clock::time_point since;
  };
  std::map<std::uint32_t, Seen> seen_;
};

class Sampler {
 public:
  /// Asks that control socket every `interval`.
  Sampler(std::string socket, std::chrono::nanoseconds interval, TakeSample take);
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;
  /// Ends the thread.
  ~Sampler();

  /// Has the device do what `request` says (ask_device()); `done` is called by the sampler's
  /// thread. EBUSY: too many wait already. Any thread.
  [[nodiscard]] Result<void> ask(boost::json::object request, Done done);

 private:
  using Clock = std::chrono::steady_clock;
  struct Asked {
    boost::json::object request;
    Done done;
  };
  void run();
  [[nodiscard]] bool stopped_after(Clock::time_point next);
  void serve_asked();

  const std::string socket_;
  const std::chrono::nanoseconds interval_;
  const TakeSample take_;
  const Clock::time_point began_ = Clock::now();
  Hangs hangs_;
  std::mutex mutex_;  // of what was asked
  std::vector<Asked> asked_;
  os::EventFd stop_, wake_;
  std::thread thread_;
};

/// JSON: {at: seconds, device: {socket, device, transport, pid, starts, queues: [{queue,
/// generation, entries, status, submitted, completed, doorbells, wakeups, raises, lost, hang}],
/// function, takes_faults, faults: [{fault, wire, times, given, armed, queue, request,
/// answered}]}}; `hang` is empty, or words; `function`, of a whole PCI device, is {accesses,
/// dma_bytes, interrupts}. Of a device that did not answer it is {socket, error}.
[[nodiscard]] std::string sample_text(const std::string& socket, double at,
                                      const Result<DeviceStatus>& status, Hangs& hangs);

}  // namespace bellwire::host::live
