// SPDX-License-Identifier: BSD-3-Clause
//
// PingPong: doorbells and an interrupt without a ring. A device on a thread of its own answers
// every doorbell by its interrupt; the caller's thread rings. Beside it, eventfds alone
// (bare_ping). What a round trip costs more than this, it costs for the ring.
#pragma once

#include "host/bench/bare/bare.h"
#include "host/bench/benchmark.hpp"
#include "host/bench/wire_ends.hpp"

namespace bellwire::bench {

/// Which doorbell is rung next.
enum class Order { the_same, each_in_turn };

class PingPong {
 public:
  /// The device is on that CPU; anywhere if `cpu` is -1.
  [[nodiscard]] static Result<std::shared_ptr<PingPong>> create(unsigned doorbells, int cpu);
  /// ETIMEDOUT: a doorbell was not answered.
  [[nodiscard]] Result<void> sample(Order order, double ns_per_tick, Samples& samples);

 private:
  PingPong(std::vector<os::EventFd> doorbells, os::EventFd answer)
      : doorbells_(std::move(doorbells)), answer_(std::move(answer)) {}
  Result<void> ring(unsigned doorbell) const;

  std::vector<os::EventFd> doorbells_;
  os::EventFd answer_;
  unsigned next_ = 0;
  DeviceHost host_;
};

class BarePingPong {
 public:
  [[nodiscard]] static Result<std::shared_ptr<BarePingPong>> create(unsigned doorbells, int cpu,
                                                                    bool blocking);
  [[nodiscard]] Result<void> sample(Order order, double ns_per_tick, Samples& samples);

 private:
  BarePingPong(std::shared_ptr<bare_ping> ping, unsigned doorbells)
      : ping_(std::move(ping)), doorbells_(doorbells) {}
  std::shared_ptr<bare_ping> ping_;
  unsigned doorbells_, next_ = 0;
};

}  // namespace bellwire::bench
