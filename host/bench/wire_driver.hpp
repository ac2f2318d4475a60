// SPDX-License-Identifier: BSD-3-Clause
//
// WireDriver: plays the guest on one queue, as a program does that wants its answers fast: it takes
// what is there, submits as much, rings if it must, and looks for a while, if it polls, before it
// sleeps. Nothing in run() allocates. One thread.
#pragma once

#include "host/bench/bare_pair.h"
#include "host/bench/race.hpp"
#include "vdev/core/interrupt.hpp"
#include "vdev/core/poll_time.hpp"
#include "vdev/ring/driver_queue.hpp"

namespace bellwire::bench {

struct WireEnd {
  MemoryView memory;  ///< that the queue is in
  ring::Queue queue;
  Interrupt doorbell;
  os::EventFd interrupt;
};

class WireDriver {
 public:
  /// Claims the queue. ETIMEDOUT: its device does not answer.
  [[nodiscard]] static Result<WireDriver> create(WireEnd end, Polling polling);

  /// Puts a time a batch in `samples`, and what was rung and raised meanwhile. ETIMEDOUT: no
  /// completion came. EPROTO: one came that answers nothing, or as an error.
  [[nodiscard]] Result<void> run(const bare_load& load, double ns_per_tick, Samples& samples);

 private:
  WireDriver(WireEnd end, Polling polling)
      : end_(std::move(end)),
        queue_(end_.queue, ring::begin_generation(end_.queue)),
        patience_(polling) {}
  Result<void> exchange(const bare_load& load, double ns_per_tick, Samples& samples);
  void submit(std::uint32_t bytes) noexcept;
  Result<void> publish_and_wait();
  Result<void> sleep() const;

  WireEnd end_;
  ring::DriverQueue queue_;
  PollTime patience_;
  std::uint64_t sent_ = 0, taken_ = 0;
};

}  // namespace bellwire::bench
