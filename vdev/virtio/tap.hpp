// SPDX-License-Identifier: BSD-3-Clause
//
// BackendTap: sees what crosses between a virtio device and its driver, whatever the transport:
// what the transport asks a Backend to do, and each request. A backend has one only while that is
// recorded (vdev/replay/virtio_journal.hpp).
#pragma once

#include <cstdint>
#include <span>

#include "vdev/virtio/chain.hpp"

namespace bellwire::virtio {

/// All on the loop's thread, before what they are about unless they say otherwise; must neither
/// block for long nor use the backend. `queue` is the device's.
class BackendTap {
 public:
  virtual ~BackendTap() = default;
  virtual void features(std::uint64_t accepted) noexcept = 0;
  /// It was read.
  virtual void config_read(std::size_t offset, std::span<const std::byte> bytes) noexcept = 0;
  /// It was written, or the device refused that.
  virtual void config_written(std::size_t offset, std::span<const std::byte> bytes,
                              bool taken) noexcept = 0;
  virtual void queue_started(unsigned queue, std::uint16_t size) noexcept = 0;
  virtual void queue_stopped(unsigned queue) noexcept = 0;
  virtual void queue_enabled(unsigned queue, bool enabled) noexcept = 0;
  /// No queue is served, and the device ends what is in flight; or they are served again.
  virtual void paused(bool paused) noexcept = 0;
  virtual void reset() noexcept = 0;
  /// The device is about to have this request. `number`: no other of the queue in flight has it.
  virtual void taken(unsigned queue, std::uint32_t number, const Chain& chain) noexcept = 0;
  /// The driver is about to see it again.
  virtual void returned(unsigned queue, std::uint32_t number, const Chain& chain,
                        std::uint32_t written) noexcept = 0;
  virtual void raised(unsigned queue) noexcept = 0;
};

}  // namespace bellwire::virtio
