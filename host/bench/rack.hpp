// SPDX-License-Identifier: BSD-3-Clause
//
// Rack: doorbells and an interrupt without a ring: a device that answers every doorbell by its
// interrupt, on a thread of its own, and who rings it on the caller's. Beside it, eventfds alone
// (bare_ping.h). What a round trip costs more than this, it costs for the ring.
#pragma once

#include "host/bench/bare_ping.h"
#include "host/bench/device_host.hpp"
#include "host/bench/race.hpp"

namespace bellwire::bench {

/// Which doorbell is rung after which.
enum class Order { the_same, each_in_turn };

class Rack {
 public:
  /// The device is on that CPU; anywhere if `cpu` is -1.
  [[nodiscard]] static Result<std::shared_ptr<Rack>> create(unsigned doorbells, int cpu);
  /// ETIMEDOUT: a doorbell was not answered.
  [[nodiscard]] Result<void> sample(Order order, double ns_per_tick, Samples& samples);

 private:
  Rack(std::vector<os::EventFd> doorbells, os::EventFd answer)
      : doorbells_(std::move(doorbells)), answer_(std::move(answer)) {}
  Result<void> ring(unsigned doorbell) const;

  std::vector<os::EventFd> doorbells_;
  os::EventFd answer_;
  unsigned next_ = 0;
  DeviceHost host_;
};

class BareRack {
 public:
  [[nodiscard]] static Result<std::shared_ptr<BareRack>> create(unsigned doorbells, int cpu,
                                                                bool blocking);
  [[nodiscard]] Result<void> sample(Order order, double ns_per_tick, Samples& samples);

 private:
  BareRack(std::shared_ptr<bare_ping> ping, unsigned doorbells)
      : ping_(std::move(ping)), doorbells_(doorbells) {}
  std::shared_ptr<bare_ping> ping_;
  unsigned doorbells_, next_ = 0;
};

}  // namespace bellwire::bench
