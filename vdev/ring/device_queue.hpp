// SPDX-License-Identifier: BSD-3-Clause
//
// DeviceQueue: the device's side of a queue. It takes requests, has them served, publishes
// completions and raises interrupts. The driver is not trusted: what it writes is read once,
// checked, and at worst breaks this queue until its generation changes.
//
// Rules: guest-kmod/uapi/bellwire.h, part 1. One thread at a time; nothing here allocates, blocks
// or loops without a bound.
#pragma once

#include <cstdint>
#include <span>

#include "vdev/core/device.hpp"
#include "vdev/core/interrupt.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/ring/trace.hpp"

namespace bellwire::ring {

/// A request whose ranges have been checked. A hostile driver may change `input` while it is read,
/// and may write to `output`.
struct Request {
  std::uint64_t cookie;
  std::uint32_t operation;
  std::span<const std::byte> input;
  std::span<std::byte> output;
};

struct Reply {
  bellwire_completion_status status = BELLWIRE_DONE;
  std::uint32_t length = 0;  ///< bytes of output written
  std::uint64_t result = 0;
};

/// Serves requests. May be called again for one that an earlier incarnation had served but not
/// completed.
class RequestHandler {
 public:
  virtual Reply serve(const Request& request) noexcept = 0;

 protected:
  ~RequestHandler() = default;
};

class DeviceQueue {
 public:
  /// Continues where an earlier incarnation stopped, if the memory records that plausibly.
  DeviceQueue(const Queue& queue, Interrupt interrupt, std::uint32_t incarnation) noexcept;

  /// Serves the requests that are there, up to a bound. `rings`: the doorbell's count.
  Turn turn(RequestHandler& handler, std::uint64_t rings) noexcept;

  /// The same without asking for a doorbell. done: there was nothing.
  Turn poll(RequestHandler& handler) noexcept;

  /// Raises the interrupt of a completion again, which the driver seems not to have received.
  void raise_again() noexcept { raise(); }

  /// Counts a hop that was lost and repaired.
  void count_loss(bellwire_hop hop) noexcept;

  [[nodiscard]] bellwire_queue_status status() const noexcept { return status_; }
  [[nodiscard]] std::uint32_t offender() const noexcept { return offender_; }

 private:
  enum class Look { nothing, work, no_longer };

  bool follow_generation() noexcept;
  void begin(std::uint32_t generation) noexcept;
  [[nodiscard]] bool same_generation() const noexcept;
  /// Serves up to the bound; returns the last look().
  Look serve(RequestHandler& handler) noexcept;
  Look look() noexcept;
  Look distrust(bellwire_queue_status status, std::uint32_t offender) noexcept;
  bool may_sleep() noexcept;
  std::size_t serve_batch(RequestHandler& handler) noexcept;
  std::size_t serve_one(RequestHandler& handler) noexcept;
  [[nodiscard]] Reply answer(RequestHandler& handler, const bellwire_request& entry) const noexcept;
  void publish(std::uint32_t before) noexcept;
  void raise() noexcept;

  Queue queue_;
  Interrupt interrupt_;
  std::uint32_t incarnation_;
  std::uint32_t generation_;  // what follows belongs to it
  std::uint32_t completed_;
  std::uint32_t seen_ = 0;  // `submitted`, at the last look
  bellwire_queue_status status_ = BELLWIRE_QUEUE_OK;
  std::uint32_t offender_ = 0;
  TraceWriter trace_;
};

}  // namespace bellwire::ring
