// SPDX-License-Identifier: BSD-3-Clause
//
// Session: one claimed queue with its two eventfds, from open to close; the whole of what a
// process does to talk to a device. Read create() first: it is the note's set-up, step by step.
#pragma once

#include "guest-kmod/bell/choices.hpp"
#include "guest-kmod/bell/device_file.hpp"
#include "guest-kmod/bell/waiting.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/ring/hang.hpp"

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

  /// Sleeps until the device tells us, or a second or two have passed.
  void wait() noexcept;
  /// How the oldest request stood when the last wait() was in vain.
  [[nodiscard]] const std::optional<bellwire::ring::Hang>& hang() const noexcept { return hang_; }
  [[nodiscard]] bool gone() const noexcept { return file_.gone(); }
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
          bellwire::os::UniqueFd kick, bellwire::os::Mapping mapping, const bellwire_claim& claim);
  [[nodiscard]] Result<void> wait_until_served();
  bool called() noexcept;
  void look_for_hang() noexcept;

  SessionOptions options_;
  DeviceFile file_;
  CallEvent call_;
  bellwire::os::UniqueFd kick_;
  bellwire::os::Mapping mapping_;
  bellwire::ring::Queue raw_;
  bellwire::ring::DriverQueue queue_;
  std::optional<bellwire::ring::Hang> hang_;
  std::optional<Hop> lost_;  // until the next wait is over
};

}  // namespace bell
