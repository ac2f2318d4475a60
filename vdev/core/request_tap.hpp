// SPDX-License-Identifier: BSD-3-Clause
//
// RequestTap: sees what crosses the rings of a ring device: what its driver brought, and what the
// driver gets. An attachment has one only while that is recorded (vdev/replay/ring_journal.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "guest-kmod/uapi/bellwire.h"

namespace bellwire {

/// All on the device's thread; must neither block for long nor use the queue.
class RequestTap {
 public:
  virtual ~RequestTap() = default;
  /// A generation begins with request `completed`. `served`: the queue has a driver; without one,
  /// it waits for the next generation.
  virtual void began(unsigned queue, std::uint32_t generation, std::uint32_t completed,
                     bool served) noexcept = 0;
  virtual void rung(unsigned queue, std::uint64_t rings) noexcept = 0;
  /// The device is about to have this request; `input` and `output` are empty if it won't, since
  /// its numbers are wrong.
  virtual void taken(unsigned queue, std::uint32_t index, const bellwire_request& request,
                     std::span<const std::byte> input,
                     std::span<const std::byte> output) noexcept = 0;
  /// The driver is about to see this completion.
  virtual void published(unsigned queue, std::uint32_t index,
                         const bellwire_completion& completion) noexcept = 0;
  virtual void raised(unsigned queue) noexcept = 0;
  /// The device stops: it is told to end the requests that it has in hand.
  virtual void stopping(unsigned queue) noexcept = 0;
};

}  // namespace bellwire
