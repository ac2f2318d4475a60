// SPDX-License-Identifier: BSD-3-Clause
//
// The two ends of plain wires: WireDriver plays the guest on one queue, DeviceHost runs devices on
// a thread of their own, and create_wire_pair() joins them where there is no transport.
//
// PingPong is the same without a ring: a device on a thread of its own answers every doorbell by
// its interrupt; the caller's thread rings. Beside it, eventfds alone (bare_ping). What a round
// trip costs more than this, it costs for the ring.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "host/bench/bare/bare.h"
#include "host/bench/benchmark.hpp"
#include "vdev/core/interrupt.hpp"
#include "vdev/core/poll_time.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/runner/moderation.hpp"
#include "vdev/runner/runner.hpp"

namespace bellwire::bench {

struct WireEnd {
  MemoryView memory;  ///< that the queue is in
  ring::Queue queue;
  Interrupt doorbell;
  os::EventFd interrupt;
};

/// Drives a queue like a program that wants its answers fast: it takes all completions, submits as
/// many requests, rings if necessary, and, with polling, polls for a while before it sleeps.
/// Nothing in run() allocates. One thread.
class WireDriver {
 public:
  /// Claims the queue. ETIMEDOUT: its device does not answer.
  [[nodiscard]] static Result<WireDriver> create(WireEnd end, Polling polling);

  /// Puts a time per batch in `samples`, and what was rung and raised meanwhile. ETIMEDOUT: no
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

/// Both ends of a memory with one queue and an eventfd in each direction.
struct WirePair {
  Attachment device;
  WireEnd driver;
};

[[nodiscard]] Result<WirePair> create_wire_pair();

/// Devices on a thread of their own, as a program would run them.
class DeviceHost {
 public:
  DeviceHost() = default;
  ~DeviceHost() { stop(); }
  DeviceHost(const DeviceHost&) = delete;
  DeviceHost& operator=(const DeviceHost&) = delete;

  /// For what its devices are attached to. Only until start().
  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  /// Adds a device. Only until start().
  [[nodiscard]] Result<void> add(std::unique_ptr<Device> device, Attachment attachment,
                                 Polling polling = Polling::off,
                                 std::chrono::microseconds moderate = {});
  /// Runs them on that CPU; anywhere if `cpu` is -1.
  void start(int cpu);
  /// Returns when the thread has ended. May be called again.
  void stop();

 private:
  boost::asio::io_context context_{one_thread};
  std::vector<std::unique_ptr<Device>> devices_;
  std::vector<Moderation> moderations_;
  std::vector<Runner> runners_;
  std::thread thread_;
};

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
