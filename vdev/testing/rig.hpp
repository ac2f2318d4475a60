// SPDX-License-Identifier: BSD-3-Clause
//
// Rig: an echo, or a delay, which echoes later, on a transport, with its guest, both in this
// process: what the contracts are checked on, whether the requests travel on our own rings or on
// virtqueues. RequestDriver plays the guest on one queue.
//
// The device runs on a thread of the rig's; the test's thread is the guest. Waits are bounded; what
// does not arrive in time is an exception, which fails the test.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "vdev/devices/request_device.hpp"
#include "vdev/machine/model/endpoint.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::testing {

/// What request `number` sends, and echo answers.
[[nodiscard]] std::vector<std::byte> message(unsigned number);

/// Payload places of a queue: so many requests may be in flight.
constexpr unsigned most_in_flight = 32;

class RequestDriver {
 public:
  virtual ~RequestDriver() = default;

  /// Whether the driver may make requests.
  [[nodiscard]] virtual bool served() const = 0;
  virtual void wait_until_served() = 0;
  /// Makes a request, which the device may see after publish().
  virtual void submit(unsigned number) = 0;
  /// Shows the device all that was submitted, and rings if the device wants it.
  virtual void publish() = 0;
  virtual void ring() = 0;
  /// The number of a request that was completed, once; its answer is right. Empty: there is none.
  [[nodiscard]] virtual std::optional<unsigned> take() = 0;
  /// Asks for an interrupt for the next completion. False: there is one already.
  [[nodiscard]] virtual bool may_sleep() = 0;
  virtual void awake() = 0;
  [[nodiscard]] virtual bool wait_for_interrupt() = 0;
  /// Writes what can't be right into the queue's own words, and rings.
  virtual void break_queue() = 0;

  /// Sleeps until there is a completion, and takes it.
  unsigned wait_for_completion();
  /// One request, there and back.
  void call(unsigned number);
};

class Rig {
 public:
  virtual ~Rig() = default;

  /// Starts the device, as a process of its own would; again after it was stopped.
  virtual void start_device() = 0;
  /// The device goes, whatever is under way.
  virtual void stop_device() = 0;
  /// The driver's end of the wires: doorbell and vector N are queue N's.
  [[nodiscard]] virtual machine::Endpoint& endpoint() = 0;
  /// A driver of the queue, for as long as the rig lives, or until the drivers are replaced.
  [[nodiscard]] virtual std::unique_ptr<RequestDriver> driver(unsigned queue) = 0;
  /// The guest's drivers have gone, all at once, and others come: each queue begins anew.
  virtual void replace_drivers() = 0;
};

/// The device that a rig has.
enum class Echoes {
  at_once,  ///< Echo
  later,    ///< Delay: on virtqueues its requests come back in any order
};
[[nodiscard]] std::unique_ptr<RingDevice> make_device(Echoes echoes);

/// What a contract asks of a transport, beyond wires.
enum class Needs {
  nothing,
  wires_before_device,  ///< the driver may ring before the device is there
  lasting_requests,     ///< requests outlive the device's process
};

struct TestedRig {
  std::string_view name;
  /// The error says why this machine can't run it.
  std::function<Result<std::unique_ptr<Rig>>(unsigned queues, Echoes echoes)> create;
  /// Whether its transport has that.
  bool (*has)(Needs needs);
};

/// Every transport, with rings or virtqueues. To add one, add a line to rig.cpp.
[[nodiscard]] std::span<const TestedRig> rigs();

}  // namespace bellwire::testing
