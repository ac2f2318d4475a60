// SPDX-License-Identifier: BSD-3-Clause
//
// ClaimedQueue: one claimed queue with its two eventfds, from open to close: all that a process
// needs to talk to a device. Read create() first: it is the set-up, step by step. For one thread.
#pragma once

#include "guest-kmod/bell/device/device_file.hpp"
#include "guest-kmod/bell/device/parameters.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/ring/driver_watch.hpp"

namespace bell {

struct ClaimOptions {
  std::string device = "echo";  ///< the name that it gave itself
  bellwire_worker worker = BELLWIRE_WORKER_CALLBACK;
  Kick kick = Kick::eventfd;
  Wait wait = Wait::poll;
  bellwire::Polling poll = bellwire::Polling::off;  ///< for completions, before it waits
  bool recover = true;  ///< whether the module looks for what did not come
};

class ClaimedQueue {
 public:
  /// ENODEV: no such device; EBUSY: no queue is free; ETIMEDOUT: the device is silent.
  [[nodiscard]] static Result<ClaimedQueue> create(const ClaimOptions& options);

  /// Rings the device: there is work.
  void kick() noexcept;
  /// Loses that hop of the next kick on purpose.
  void lose(LostHop hop) noexcept { lost_ = hop; }

  /// Sleeps until the device calls. After a second without a call it finds out why, repairs a loss
  /// and reports it on stderr; then it returns. `passed` of that second have passed already.
  void wait(std::chrono::duration<double> passed = {});
  /// Why further waiting is useless; empty while it is not. There is no limit for a device that is
  /// paused.
  [[nodiscard]] std::optional<Error> trouble() const;
  [[nodiscard]] bool paused() const noexcept { return watch_.paused(); }
  [[nodiscard]] bool at_work() const noexcept { return watch_.at_work(); }
  /// Requests that hung because a hop was lost.
  [[nodiscard]] std::uint64_t hung() const noexcept { return watch_.losses(); }
  [[nodiscard]] bool gone() const noexcept { return file_.gone(); }
  /// Whether the mapping was taken away: it reads as zeroes since.
  [[nodiscard]] bool memory_lost() const noexcept { return guard_.lost(); }
  [[nodiscard]] Error gone_fault() const { return file_.gone_fault(); }
  [[nodiscard]] const std::string& path() const noexcept { return file_.path(); }

  /// For slow motion: the file, and the eventfds.
  [[nodiscard]] const DeviceFile& file() const noexcept { return file_; }
  [[nodiscard]] CallEventFd& call() noexcept { return call_; }
  [[nodiscard]] int kick_fd() const noexcept { return kick_.get(); }

  /// Begins a new generation of the same queue, and waits until the device serves it.
  [[nodiscard]] Result<void> reset();

  [[nodiscard]] bellwire::ring::DriverQueue& queue() noexcept { return queue_; }
  [[nodiscard]] Result<bellwire_info> info() const { return file_.info(); }

  /// The claimed queue as raw memory, to break or to record it.
  [[nodiscard]] const bellwire::ring::Queue& raw_queue() const noexcept { return raw_; }
  [[nodiscard]] bellwire_queue_control& control() noexcept { return *raw_.control; }

 private:
  ClaimedQueue(const ClaimOptions& options, DeviceFile file, CallEventFd call,
               bellwire::os::UniqueFd kick, bellwire::os::Mapping mapping,
               bellwire::os::MemoryGuard guard, const bellwire_claim& claim);
  [[nodiscard]] Result<void> wait_until_served();
  bool called(std::chrono::duration<double> passed) noexcept;
  bool called_within(std::chrono::milliseconds time) noexcept;
  void find_out_why();
  void settle();
  void report();
  [[nodiscard]] std::optional<bellwire::ring::DeviceSigns> signs() const;

  ClaimOptions options_;
  DeviceFile file_;
  CallEventFd call_;
  bellwire::os::UniqueFd kick_;
  bellwire::os::Mapping mapping_;
  bellwire::os::MemoryGuard guard_;  // of mapping_
  bellwire::ring::Queue raw_;
  bellwire::ring::DriverQueue queue_;
  bellwire::ring::DriverWatch watch_;
  std::optional<LostHop> lost_;  // until the next wait is over
};

}  // namespace bell
