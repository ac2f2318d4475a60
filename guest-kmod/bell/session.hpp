// SPDX-License-Identifier: BSD-3-Clause
//
// Session: one claimed queue with its two eventfds, from open to close; the whole of what a
// process does to talk to a device. Read create() first: it is the note's set-up, step by step.
#pragma once

#include "guest-kmod/bell/choices.hpp"
#include "guest-kmod/bell/device_file.hpp"
#include "guest-kmod/bell/waiting.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/os/memory_guard.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/ring/driver_watch.hpp"

namespace bell {

struct SessionOptions {
  Load device = Load::echo;
  bellwire_worker worker = BELLWIRE_WORKER_CALLBACK;
  Kick kick = Kick::eventfd;
  Wait wait = Wait::poll;
  bellwire::Polling poll = bellwire::Polling::off;  ///< before it waits
};

class Session {
 public:
  /// ENODEV: no such device; EBUSY: no queue is free; ETIMEDOUT: the device is silent.
  [[nodiscard]] static Result<Session> create(const SessionOptions& options);

  /// Tells the device that there is work.
  void kick() noexcept;
  /// Loses that hop on purpose, of the next kick's way.
  void lose(Hop hop) noexcept { lost_ = hop; }

  /// Sleeps until the device calls us. After a second in vain it finds out why, repairs what was
  /// lost, and says so on stderr; then it returns.
  void wait();
  /// Why it is no use to wait on; empty while it is. A paused device is waited for without a limit.
  [[nodiscard]] std::optional<Error> trouble() const;
  [[nodiscard]] bool paused() const noexcept { return watch_.paused(); }
  /// Requests that hung because a hop was lost.
  [[nodiscard]] std::uint64_t hung() const noexcept { return watch_.losses(); }
  [[nodiscard]] bool gone() const noexcept { return file_.gone(); }
  /// The mapping was taken away under us: what is read of it since are zeroes.
  [[nodiscard]] bool memory_lost() const noexcept { return guard_.lost(); }
  [[nodiscard]] Error gone_fault() const { return file_.gone_fault(); }
  [[nodiscard]] const std::string& path() const noexcept { return file_.path(); }

  /// Begins a new generation of the same queue, and waits until the device serves it.
  [[nodiscard]] Result<void> reset();

  [[nodiscard]] bellwire::ring::DriverQueue& queue() noexcept { return queue_; }
  [[nodiscard]] Result<bellwire_info> info() const { return file_.info(); }

  /// The claimed queue as raw memory, for those who mean to break or to record it.
  [[nodiscard]] const bellwire::ring::Queue& raw_queue() const noexcept { return raw_; }
  [[nodiscard]] bellwire_queue_control& control() noexcept { return *raw_.control; }

 private:
  Session(const SessionOptions& options, DeviceFile file, CallEvent call,
          bellwire::os::UniqueFd kick, bellwire::os::Mapping mapping,
          bellwire::os::MemoryGuard guard, const bellwire_claim& claim);
  [[nodiscard]] Result<void> wait_until_served();
  bool called() noexcept;
  bool called_within(std::chrono::milliseconds time) noexcept;
  void find_out_why();
  bool follow(bellwire::ring::DriverWatch::Advice advice);
  void settle();
  void report();
  [[nodiscard]] std::optional<bellwire::ring::DeviceSigns> signs() const;

  SessionOptions options_;
  DeviceFile file_;
  CallEvent call_;
  bellwire::os::UniqueFd kick_;
  bellwire::os::Mapping mapping_;
  bellwire::os::MemoryGuard guard_;  // of it
  bellwire::ring::Queue raw_;
  bellwire::ring::DriverQueue queue_;
  bellwire::ring::DriverWatch watch_;
  std::optional<Hop> lost_;  // until the next wait is over
};

}  // namespace bell
