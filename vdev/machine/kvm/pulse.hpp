// SPDX-License-Identifier: BSD-3-Clause
//
// Pulse: while it lives, the thread that made it is interrupted again and again, so that no
// KVM_RUN of its lasts for long: whoever runs a guest looks then whether it is time to stop.
//
// A timer sends a signal to that thread alone, so many guests can run in one process. The signal
// is SIGURG, which means nothing to a process that doesn't ask for it.
#pragma once

#include <time.h>

#include <chrono>
#include <utility>

#include "vdev/os/result.hpp"

namespace bellwire::kvm {

class Pulse {
 public:
  /// The first beat comes after `interval`. EAGAIN: too many timers.
  [[nodiscard]] static Result<Pulse> start(std::chrono::milliseconds interval);
  Pulse(Pulse&& other) noexcept
      : timer_(other.timer_), beats_(std::exchange(other.beats_, false)) {}
  Pulse& operator=(Pulse&&) = delete;
  ~Pulse();

 private:
  explicit Pulse(timer_t timer) noexcept : timer_(timer), beats_(true) {}
  timer_t timer_;
  bool beats_;
};

}  // namespace bellwire::kvm
